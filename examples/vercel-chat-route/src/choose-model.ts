import { openai } from "@ai-sdk/openai";
import type { LanguageModel } from "ai";
import { MockLanguageModelV4, simulateReadableStream } from "ai/test";

type Part =
  Awaited<ReturnType<MockLanguageModelV4["doStream"]>>["stream"] extends ReadableStream<infer One>
    ? One
    : never;

const USAGE = {
  inputTokens: { total: 20, noCache: 20, cacheRead: 0, cacheWrite: 0 },
  outputTokens: { total: 10, text: 10, reasoning: 0 },
};

/** A real model where there is a key, else a script that says what a model would. */
export function chooseModel(): LanguageModel {
  if (process.env["OPENAI_API_KEY"] !== undefined) return openai(process.env["OPENAI_MODEL"] ?? "gpt-5-mini");
  const input = JSON.stringify({ order: "o-7", amount: 80 });
  return scripted([
    [{ type: "tool-call", toolCallId: "call-1", toolName: "refund", input }],
    saying("Done: 80 for order o-7. ", "Questions? Write to ann.mil", "ler@example.com ", "at any time."),
    saying("That was done already."),
  ]);
}

function saying(...deltas: readonly string[]): Part[] {
  const id = "text-1";
  return [
    { type: "text-start", id },
    ...deltas.map((delta): Part => ({ type: "text-delta", id, delta })),
    { type: "text-end", id },
  ];
}

function scripted(turns: readonly Part[][]): LanguageModel {
  return new MockLanguageModelV4({
    doStream: turns.map((parts) => {
      const isCalling = parts.some(({ type }) => type === "tool-call");
      const finishReason = { unified: isCalling ? "tool-calls" : "stop", raw: undefined } as const;
      const chunks: Part[] = [
        { type: "stream-start", warnings: [] },
        ...parts,
        { type: "finish", finishReason, usage: USAGE },
      ];
      return { stream: simulateReadableStream({ chunks, chunkDelayInMs: null, initialDelayInMs: null }) };
    }),
  });
}
