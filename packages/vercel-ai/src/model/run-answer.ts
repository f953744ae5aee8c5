import { AgentplaneError, type Denied, type ResultCodec } from "@agentplane/core";
import type {
  LanguageModelV4Content,
  LanguageModelV4GenerateResult,
  LanguageModelV4StreamPart,
} from "@ai-sdk/provider";

import type { AgentRun } from "../run/agent-run.ts";
import { MODEL_RESULT } from "./model-result.ts";

/** Whether an answer ends its run: it makes no call that is answered here or by the application. */
export function isEndOf({ isOneCall }: AgentRun, content: readonly LanguageModelV4Content[]): boolean {
  return isOneCall || !content.some((part) => isCall(part));
}

/** What rules see of a run that has ended, and may change: the words of its last answer. */
export const RUN_ANSWER: ResultCodec<LanguageModelV4GenerateResult> = {
  read: ({ content }) => content.flatMap((part) => (part.type === "text" ? [part.text] : [])).join(""),
  write(result, changed) {
    const texts = result.content.filter(({ type }) => type === "text");
    if (texts.length !== 1 || result.structuredOutputText !== undefined || typeof changed !== "string")
      throw new AgentplaneError(
        "content_refused",
        "an answer of several texts, or of an object, cannot be rewritten at after_agent; redact at after_model_call",
      );
    const content = result.content.map((part) => (part.type === "text" ? { ...part, text: changed } : part));
    return MODEL_RESULT.write(result, { content });
  },
};

/**
 * The parts of a streamed answer; the last ends the run. What was streamed has been shown: it can be withheld no more, only
 * what would come after it.
 * @param isRetried Whether an error is one after which the same call comes again.
 * @throws The denial's error where a rule refuses the end, which then reads as a denied call
 */
export async function* endingRun(
  run: AgentRun,
  parts: AsyncIterable<LanguageModelV4StreamPart>,
  isRetried: () => boolean,
): AsyncGenerator<LanguageModelV4StreamPart, void, undefined> {
  const words: string[] = [];
  let isLast = true;
  try {
    for await (const part of parts) {
      if (part.type === "text-delta") words.push(part.delta);
      if (isCall(part)) isLast = run.isOneCall;
      if (part.type === "finish" && isLast) throwDenied(await run.end(words.join(""), SHOWN));
      yield part;
    }
  } catch (error) {
    if (!isRetried()) await run.fail(error);
    throw error;
  }
}

function throwDenied(end: { readonly denial: Denied } | { readonly result: string }): void {
  if ("denial" in end) throw end.denial.error;
}

const SHOWN: ResultCodec<string> = { read: (text) => text, write: (text) => text };

function isCall(part: LanguageModelV4Content | LanguageModelV4StreamPart): boolean {
  return part.type === "tool-call" && part.providerExecuted !== true;
}
