import { setImmediate as turn, setTimeout as wait } from "node:timers/promises";

import type { LanguageModelV4, LanguageModelV4StreamPart } from "@ai-sdk/provider";

/** How a streamed answer comes. */
export const TOKENS_PER_SECOND = 200;
/** One of its tokens. */
export const TOKEN = "word ";

const usage = {
  inputTokens: { total: 20, noCache: 20, cacheRead: 0, cacheWrite: 0 },
  outputTokens: { total: 10, text: 10, reasoning: 0 },
};
const finish = { type: "finish", finishReason: { unified: "stop", raw: undefined }, usage } as const;

/** A model that answers at once, or streams so many tokens. */
export function fakeModel(tokens: number): LanguageModelV4 {
  return {
    specificationVersion: "v4",
    provider: "fake.chat",
    modelId: "fake",
    supportedUrls: {},
    doGenerate: async () => ({
      content: [{ type: "text", text: "The order has been shipped and arrives on Monday." }],
      finishReason: finish.finishReason,
      usage,
      warnings: [],
    }),
    doStream: async () => ({
      stream: ReadableStream.from(paced(tokens)),
    }),
  };
}

/** Tokens on a fixed schedule: a slow reader does not move the next one. */
async function* paced(tokens: number): AsyncGenerator<LanguageModelV4StreamPart> {
  const startedMs = performance.now();
  yield { type: "stream-start", warnings: [] };
  yield { type: "text-start", id: "t" };
  for (let token = 1; token <= tokens; token++) {
    // oxlint-disable-next-line no-await-in-loop -- tokens come one after the other
    await until(startedMs + (token * 1000) / TOKENS_PER_SECOND);
    yield { type: "text-delta", id: "t", delta: TOKEN };
  }
  yield { type: "text-end", id: "t" };
  yield finish;
}

/** A timer counts whole milliseconds, as much as what is measured: the last of them passes in turns of the loop. */
async function until(atMs: number): Promise<void> {
  const leftMs = atMs - performance.now();
  if (leftMs > 2) await wait(leftMs - 2);
  // oxlint-disable-next-line no-await-in-loop -- nothing to do but wait
  while (performance.now() < atMs) await turn();
}
