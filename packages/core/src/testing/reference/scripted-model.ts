import type { ScriptAgent, ScriptTurn } from "../agent-script.ts";
import type { ModelAnswer, ModelChunk } from "./seams.ts";
import type { Trace } from "./trace.ts";

/** What the provider is sent. */
export interface ProviderRequest {
  readonly prompt: string;
  readonly offered: readonly string[];
  readonly maxOutputTokens?: number | undefined;
}

/** A provider that plays an agent's turns, one each time it is reached. */
export class ScriptedModel {
  readonly #script: ScriptAgent;
  readonly #trace: Trace;
  #turn = 0;

  constructor(script: ScriptAgent, trace: Trace) {
    this.#script = script;
    this.#trace = trace;
  }

  /** Answers as a stream. */
  async *stream({
    prompt,
    offered,
    maxOutputTokens,
  }: ProviderRequest): AsyncGenerator<ModelChunk, void, undefined> {
    const limit = maxOutputTokens === undefined ? {} : { maxOutputTokens };
    this.#trace.modelCalls.push({ agent: this.#script.agent, prompt, offered, ...limit });
    const {
      text = [],
      calls = [],
      usage,
      beforePiece,
    }: ScriptTurn = this.#script.turns[this.#turn++] ?? { text: ["done"] };
    if (text.length === 0) await beforePiece?.(0);
    for (const [position, piece] of text.entries()) {
      // oxlint-disable-next-line no-await-in-loop -- a stream gives one piece after the other
      await beforePiece?.(position);
      yield { kind: "text", text: piece };
    }
    yield { kind: "end", calls, ...(usage !== undefined && { usage }) };
  }

  /** Answers at once. */
  async ask(request: ProviderRequest): Promise<ModelAnswer> {
    return collect(this.stream(request));
  }
}

/** Puts a streamed answer together. */
export async function collect(chunks: AsyncIterable<ModelChunk>): Promise<ModelAnswer> {
  let answer: ModelAnswer = { text: "", calls: [] };
  for await (const chunk of chunks) {
    answer =
      chunk.kind === "text"
        ? { ...answer, text: answer.text + chunk.text }
        : { ...answer, calls: chunk.calls, usage: chunk.usage };
  }
  return answer;
}
