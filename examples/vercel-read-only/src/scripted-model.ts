import type { LanguageModelV4CallOptions, LanguageModelV4GenerateResult } from "@ai-sdk/provider";
import { MockLanguageModelV4 } from "ai/test";

const USAGE = {
  inputTokens: { total: 20, noCache: 20, cacheRead: 0, cacheWrite: 0 },
  outputTokens: { total: 10, text: 10, reasoning: 0 },
};

/** A model that wants to cancel whatever it is told to, and says what it was offered. */
export class StubbornModel extends MockLanguageModelV4 {
  /** Names of the tools of its last request. */
  offered: readonly string[] = [];
  #calls = 0;

  constructor() {
    super({ doGenerate: async (options) => this.#answer(options) });
  }

  #answer({ tools = [], prompt }: LanguageModelV4CallOptions): LanguageModelV4GenerateResult {
    this.offered = tools.map(({ name }) => name);
    const hasResult = prompt.at(-1)?.role === "tool";
    const toolCallId = `call-${++this.#calls}`;
    return {
      content: hasResult
        ? [{ type: "text", text: "I have tried." }]
        : [{ type: "tool-call", toolCallId, toolName: "cancel_order", input: '{"order":"o-7"}' }],
      finishReason: { unified: hasResult ? "stop" : "tool-calls", raw: undefined },
      usage: USAGE,
      warnings: [],
    };
  }
}
