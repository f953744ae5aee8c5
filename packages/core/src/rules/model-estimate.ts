import * as z from "zod/mini";

import { isUsableAmount, type Tokenizer, type Usage } from "../base/model-costs.ts";
import type { PolicyContext } from "../context/context.ts";
import { between } from "../policy/between.ts";
import { wholeNumber } from "../policy/whole-number.ts";

/** Output tokens assumed where neither the request nor the rule says otherwise. */
export const DEFAULT_MAX_OUTPUT_TOKENS = 4096;

/** The most output a budget reserves for one call, in tokens. */
export const maxOutputParam = z._default(wholeNumber.check(between(1)), DEFAULT_MAX_OUTPUT_TOKENS);

/** What a model call may use, before it runs. */
export interface ModelEstimate {
  readonly inputTokens: number;
  readonly outputTokens: number;
}

/**
 * Estimates a model call: the prompt counted by the tokenizer, and the smaller of what is requested and `maxOutput`.
 * @param maxOutput Tokens; the request is clamped to the same number, so that the estimate is a bound.
 */
export function estimateModelCall(
  context: PolicyContext,
  tokenizer: Tokenizer,
  maxOutput: number,
): ModelEstimate {
  const { model } = context;
  if (model === undefined) return { inputTokens: 0, outputTokens: 0 };
  const text = JSON.stringify([model.messages, model.tools ?? []]);
  const requested = model.maxOutputTokens ?? Infinity;
  return {
    inputTokens: wholeAmount(tokenizer.countTokens(text, model)) ?? Math.ceil(text.length),
    outputTokens: Math.min(requested > 0 ? requested : Infinity, maxOutput),
  };
}

/**
 * A reported usage with the tokens that it leaves out, or states as no amount, taken from the estimate.
 * @returns Undefined when it states neither: the whole estimate is charged then.
 */
export function completedUsage(
  usage: Usage | undefined,
  estimate: () => ModelEstimate,
): (Usage & ModelEstimate) | undefined {
  const input = wholeAmount(usage?.inputTokens);
  const output = wholeAmount(usage?.outputTokens);
  if (input === undefined && output === undefined) return undefined;
  const { inputTokens, outputTokens } =
    input === undefined || output === undefined ? estimate() : { inputTokens: input, outputTokens: output };
  return { ...usage, inputTokens: input ?? inputTokens, outputTokens: output ?? outputTokens };
}

/**
 * A reported amount as the ledger takes it: a whole number from 0, rounded up; undefined for what cannot be one, such as
 * a negative number, which would give back what others used.
 */
export function wholeAmount(amount: number | undefined): number | undefined {
  return isUsableAmount(amount) ? Math.ceil(amount) : undefined;
}
