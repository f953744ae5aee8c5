import type { StreamCall } from "../../src/enforce/guard-stream.ts";
import type { StreamCodec } from "../../src/enforce/stream-codec.ts";
import type { ContextInit } from "../../src/context/create-context.ts";
import { modelCall, type Bench } from "../plane/bench.ts";

/** A chunk of a test's model: text of a part, the end of a part, or a report of usage. */
export type Chunk =
  | { readonly text: string; readonly part?: string; readonly id?: number }
  | { readonly end: string }
  | { readonly outputTokens: number };

export const CODEC: StreamCodec<Chunk> = {
  read: (chunk) => ("text" in chunk ? { part: chunk.part ?? "text", text: chunk.text } : undefined),
  write: (chunk, text) => ({ ...chunk, text }),
  ends: (chunk) => ("end" in chunk ? chunk.end : undefined),
  usage: (chunk) =>
    "outputTokens" in chunk ? { inputTokens: 0, outputTokens: chunk.outputTokens } : undefined,
};

/** A stream of these chunks. */
export async function* streamOf(chunks: readonly (Chunk | string)[]): AsyncGenerator<Chunk> {
  for (const chunk of chunks) yield typeof chunk === "string" ? { text: chunk } : chunk;
}

/** Opens a governed stream of the agent `bot`. */
export async function openStream(
  { plane }: Bench,
  run: StreamCall<Chunk>["run"],
  more: Partial<ContextInit> & Pick<StreamCall<Chunk>, "isControlFlow"> = {},
): Promise<AsyncIterable<Chunk>> {
  const { isControlFlow, ...change } = more;
  const opened = await plane.guard.modelStream({
    context: plane.guard.context(modelCall(change)),
    run,
    codec: CODEC,
    ...(isControlFlow !== undefined && { isControlFlow }),
  });
  if ("status" in opened) throw opened.error;
  return opened;
}

/** What came out of a stream, and the error that ended it. */
export interface Seen {
  readonly chunks: readonly Chunk[];
  readonly text: string;
  readonly error: unknown;
}

/** Reads a stream to its end. */
export async function readAll(stream: AsyncIterable<Chunk>, onChunk?: (text: string) => void): Promise<Seen> {
  const chunks: Chunk[] = [];
  let error: unknown;
  try {
    for await (const chunk of stream) {
      chunks.push(chunk);
      onChunk?.(textOf(chunks));
    }
  } catch (thrown) {
    error = thrown;
  }
  return { chunks, text: textOf(chunks), error };
}

export function textOf(chunks: readonly Chunk[], part = "text"): string {
  return chunks
    .map((chunk) => ("text" in chunk && (chunk.part ?? "text") === part ? chunk.text : ""))
    .join("");
}
