import type { AgentPlane } from "@agentplane/core";
import type { BaseChatModel } from "@langchain/core/language_models/chat_models";
import type { AIMessageChunk } from "@langchain/core/messages";
import { AIMessage } from "@langchain/core/messages";
import { createAgent } from "langchain";

import { govern } from "../src/index.ts";
import { guardModel } from "../src/langgraph.ts";

/** What a stream has shown so far, and what the answer is at its end. */
export interface Shown {
  /** Chunks, or what events say of blocks. */
  readonly pieces: readonly unknown[];
  readonly answer: AIMessage | undefined;
}

/** Shows what a governed model streams, by one of the ways that LangChain has. */
export type ShownBy = (
  plane: AgentPlane,
  model: BaseChatModel,
  onPiece?: (piece: unknown) => void,
) => Promise<Shown>;

const input = { messages: [{ role: "user", content: "go" }] };

function agentOf(plane: AgentPlane, model: BaseChatModel) {
  return createAgent(govern(plane, { agent: "a" }, { model, tools: [] }));
}

async function collected(
  stream: AsyncIterable<unknown>,
  read: (event: unknown) => { readonly piece?: unknown; readonly answer?: unknown },
  onPiece?: (piece: unknown) => void,
): Promise<Shown> {
  const pieces: unknown[] = [];
  let first: AIMessage | undefined;
  for await (const event of stream) {
    const { piece, answer } = read(event);
    if (piece !== undefined) {
      pieces.push(piece);
      onPiece?.(piece);
    }
    if (AIMessage.isInstance(answer)) first ??= answer;
  }
  return { pieces, answer: first };
}

type Members = Readonly<Record<string, unknown>>;

function readV2(event: unknown): { readonly piece?: unknown; readonly answer?: unknown } {
  const { event: name, data } = event as { readonly event: string; readonly data: Members };
  if (name === "on_chat_model_stream") return { piece: data["chunk"] };
  return name === "on_chat_model_end" ? { answer: data["output"] } : {};
}

function readV3(event: unknown): { readonly piece?: unknown; readonly answer?: unknown } {
  const { method, params } = event as { readonly method?: string; readonly params?: Members };
  const data = (method === "messages" ? params?.["data"] : event) as Members | undefined;
  return data?.["event"] === "content-block-delta" ? { piece: data["delta"] } : {};
}

/** Every way in which a model's answer can be watched as it comes. */
export const WAYS: Readonly<Record<string, ShownBy>> = {
  "an agent's messages": async (plane, model, onPiece) =>
    collected(
      await agentOf(plane, model).stream(input, { streamMode: ["messages", "values"] }),
      (given) => {
        const [mode, data] = given as readonly [string, unknown];
        if (mode === "messages") return { piece: (data as readonly unknown[])[0] };
        return {
          answer: (data as { readonly messages: readonly unknown[] }).messages.find((one) =>
            AIMessage.isInstance(one),
          ),
        };
      },
      onPiece,
    ),
  "an agent's events v2": (plane, model, onPiece) =>
    collected(agentOf(plane, model).streamEvents(input, { version: "v2" }), readV2, onPiece),
  "an agent's events v3": async (plane, model, onPiece) => {
    const run = await agentOf(plane, model).streamEvents(input, { version: "v3" });
    const shown = await collected(run, readV3, onPiece);
    const { messages } = (await run.output) as { readonly messages: readonly AIMessage[] };
    return { ...shown, answer: messages.find((one) => AIMessage.isInstance(one)) };
  },
  "a guarded model's chunks": async (plane, model, onPiece) => {
    let whole: AIMessageChunk | undefined;
    const stream = await guardModel(plane, { agent: "a" }, model).stream("go");
    const shown = await collected(
      stream,
      (piece) => {
        whole = whole === undefined ? (piece as AIMessageChunk) : whole.concat(piece as AIMessageChunk);
        return { piece };
      },
      onPiece,
    );
    return { ...shown, answer: whole };
  },
  "a guarded model's events v2": (plane, model, onPiece) =>
    collected(
      guardModel(plane, { agent: "a" }, model).streamEvents("go", { version: "v2" }),
      readV2,
      onPiece,
    ),
  "a guarded model's events v3": async (plane, model, onPiece) => {
    const stream = guardModel(plane, { agent: "a" }, model).streamEvents("go", { version: "v3" } as never);
    return collected(stream as never, readV3, onPiece);
  },
};

/** The text that a piece adds: of words, of thoughts, or of a call's arguments. */
export function textOf(piece: unknown, member: "text" | "reasoning" | "args"): string {
  const { content, tool_call_chunks: calls = [], ...delta } = piece as Partial<AIMessageChunk> & Members;
  if (content === undefined) return typeof delta[member] === "string" ? delta[member] : "";
  if (member === "args") return calls.map(({ args = "" }) => args).join("");
  const blocks: readonly unknown[] = typeof content === "string" ? [{ text: content }] : content;
  const texts = blocks.map((block) => (block as Members)[member]);
  return texts.filter((text) => typeof text === "string").join("");
}
