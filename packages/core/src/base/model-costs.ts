import { requireMembers, requireObject } from "./argument.ts";

/** Tokens a model call used; `inputTokens` includes cached ones, as providers report them. */
export interface Usage {
  readonly inputTokens?: number;
  readonly outputTokens?: number;
  readonly cacheReadTokens?: number;
  readonly cacheWriteTokens?: number;
  /** The whole cost in integer micro-dollars, when the caller knows it better than a price table. */
  readonly costMicroUsd?: number;
}

/** What a usage counts. */
export const USAGE_FIELDS = [
  "inputTokens",
  "outputTokens",
  "cacheReadTokens",
  "cacheWriteTokens",
  "costMicroUsd",
] as const satisfies readonly (keyof Usage)[];

/** Whether a usage is read by such a member. */
export function isUsageField(name: string): boolean {
  return (USAGE_FIELDS as readonly string[]).includes(name);
}

/**
 * Refuses a usage with a member that nobody reads: a misspelt count would be charged at its estimate in silence.
 * @param usage As a caller writes it; one that says null says nothing.
 * @throws AgentplaneError `usage_invalid`
 */
export function requireUsage(where: string, usage: unknown): void {
  if (usage === undefined || usage === null) return;
  requireObject(where, usage, "{ inputTokens: 1200, outputTokens: 300 }");
  requireMembers(where, usage, USAGE_FIELDS);
}

/** A number of tokens, or of micro-dollars, that can be charged: not NaN, not negative, and exact. */
export function isUsableAmount(amount: unknown): amount is number {
  return typeof amount === "number" && amount >= 0 && amount <= Number.MAX_SAFE_INTEGER;
}

/**
 * Tells whether a usage says all that a limit charges; what it leaves out, or states as no amount, is charged at its
 * estimate.
 * @param usage As reported.
 * @param measure What the limit counts: `tokens` (the default) needs input and output; for `microUsd` the whole cost will
 *   do as well.
 */
export function isCompleteUsage(
  usage: Usage | undefined,
  measure: "tokens" | "microUsd" = "tokens",
): boolean {
  if (usage === undefined) return false;
  if (measure === "microUsd" && isUsableAmount(usage.costMicroUsd)) return true;
  return isUsableAmount(usage.inputTokens) && isUsableAmount(usage.outputTokens);
}

/** The port for prices: answers what a call costs, in integer micro-dollars. */
export interface PriceTable {
  /**
   * @returns Micro-dollars, rounded up; undefined when the model's price is unknown; 0 for a free model.
   */
  costMicroUsd(
    model: { readonly provider?: string; readonly name: string },
    usage: Usage,
  ): number | undefined;
}

/** The port for counting tokens of a text before a call; the default is UTF-8 bytes / 3, rounded up. */
export interface Tokenizer {
  countTokens(text: string, model: { readonly provider?: string; readonly name: string }): number;
}
