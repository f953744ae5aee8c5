import type { ResultCodec, Usage } from "@agentplane/core";
import type { AIMessage } from "@langchain/core/messages";

import { MODEL_RESULT } from "./model-result.ts";

/** A model call that failed after some of its answer had come: it is charged for that, and fails as before. */
export class BrokenOff {
  readonly error: unknown;
  readonly usage: Usage;

  /**
   * @param error What the caller gets.
   * @param usage What had come.
   */
  constructor(error: unknown, usage: Usage) {
    this.error = error;
    this.usage = usage;
  }
}

/** Reads and rewrites an answer, or the words of the error that came instead of the rest of it. */
export const ANSWER: ResultCodec<AIMessage | BrokenOff> = {
  read: (answer) =>
    answer instanceof BrokenOff ? { error: textOf(answer.error) } : MODEL_RESULT.read(answer),
  write(answer, content) {
    if (!(answer instanceof BrokenOff)) return MODEL_RESULT.write(answer, content);
    const text =
      typeof content === "object" && content !== null && "error" in content ? String(content.error) : "";
    return text === textOf(answer.error) ? answer : new BrokenOff(new Error(text), answer.usage);
  },
};

function textOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
