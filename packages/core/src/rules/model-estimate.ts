import * as z from "zod";

import type { Tokenizer } from "../base/model-costs.ts";
import type { PolicyContext } from "../context/context.ts";

/** Output tokens assumed where neither the request nor the rule says otherwise. */
export const DEFAULT_MAX_OUTPUT_TOKENS = 4096;

/** The most output a budget reserves for one call, in tokens. */
export const maxOutputParam = z.int().min(1).default(DEFAULT_MAX_OUTPUT_TOKENS);

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

/** A reported amount as the ledger takes it: an integer ≥ 0, rounded up; undefined for what is no number. */
export function wholeAmount(amount: number | undefined): number | undefined {
  if (amount === undefined || !Number.isFinite(amount)) return undefined;
  return Math.max(0, Math.ceil(amount));
}
