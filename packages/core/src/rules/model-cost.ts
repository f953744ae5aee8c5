import type { PriceTable, Tokenizer, Usage } from "../base/model-costs.ts";
import type { Logger } from "../base/ports.ts";
import type { PolicyContext } from "../context/context.ts";
import { completedUsage, estimateModelCall, wholeAmount } from "./model-estimate.ts";

/**
 * What a model call cost or would cost.
 * @returns Integer micro-dollars; undefined when neither the caller nor the price table knows.
 */
export function costOf(
  context: PolicyContext,
  usage: Usage,
  prices: PriceTable | undefined,
): number | undefined {
  const reported = wholeAmount(usage.costMicroUsd);
  if (reported !== undefined || context.model === undefined) return reported;
  return wholeAmount(prices?.costMicroUsd(context.model, usage));
}

/**
 * What a model call that ran is charged: the cost that was reported, else the price of its tokens, those that were not
 * reported at their estimate.
 * @returns Integer micro-dollars; undefined when the whole estimate is to be charged.
 */
export function chargedCost(
  usage: Usage | undefined,
  context: PolicyContext,
  {
    prices,
    tokenizer,
    maxOutput,
  }: { prices: PriceTable | undefined; tokenizer: Tokenizer; maxOutput: number },
): number | undefined {
  const reported = wholeAmount(usage?.costMicroUsd);
  if (reported !== undefined) return reported;
  const used = completedUsage(usage, () => estimateModelCall(context, tokenizer, maxOutput));
  return used && costOf(context, used, prices);
}

/** How many unknown models are remembered, so that each is reported once. */
const MAX_REPORTED = 1_000;

/** Warns of a model without a price, once per model. */
export function createPriceWarning(
  logger: Logger,
  of: { policyId: string; ruleId: string },
): (model: string) => void {
  const reported = new Set<string>();
  return (model) => {
    if (reported.has(model) || reported.size >= MAX_REPORTED) return;
    reported.add(model);
    logger.warn(`the price of model "${model}" is unknown: its cost is not counted`, { ...of, model });
  };
}
