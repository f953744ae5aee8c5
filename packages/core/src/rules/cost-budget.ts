import * as z from "zod/mini";

import type { PolicyContext } from "../context/context.ts";
import { between } from "../policy/between.ts";
import { mustHold } from "../policy/schema-check.ts";
import { breachParams, DEGRADE_NEEDS, expiredParam, limitOf, perParam, windowParam } from "./limit-params.ts";
import { chargedCost, costOf, createPriceWarning } from "./model-cost.ts";
import { estimateModelCall, maxOutputParam } from "./model-estimate.ts";
import { defineRule, type CompileTools, type LimitEstimate } from "./rule.ts";

const MICRO_USD = 1_000_000;

/**
 * Keeps model calls within an amount of US dollars, counted in integer micro-dollars. A model that costs nothing is
 * never held up.
 */
export const costBudget = defineRule({
  kind: "costBudget",
  timing: "blocking",
  hookpoints: ["before_model_call"],
  params: z
    .strictObject({
      maxUsd: z.number().check(between(0, 1_000_000_000)),
      window: windowParam,
      per: z._default(perParam, "agent"),
      maxOutput: maxOutputParam,
      expired: expiredParam,
      onUnknownPrice: z._default(z.enum(["block", "free", "alert"]), "block"),
      ...breachParams,
    })
    .check(
      mustHold(
        ({ maxUsd }) => maxUsd === 0 || Math.round(maxUsd * MICRO_USD) > 0,
        "is less than a micro-dollar, which would be a limit of nothing",
        { at: "maxUsd", suggestion: "write at least 0.000001" },
      ),
      DEGRADE_NEEDS,
    ),
  isStateless: false,
  compile({ maxUsd, maxOutput, onUnknownPrice, ...rest }, tools) {
    const { prices, tokenizer } = tools;
    if (prices === undefined && onUnknownPrice === "block") {
      tools.fail("", "needs a price table, and none was given: every call would be blocked", HOW_TO_PRICE);
    }
    return limitOf(`$${maxUsd}`, {
      ...rest,
      measure: "microUsd",
      limit: Math.round(maxUsd * MICRO_USD),
      estimate: createEstimate({ maxOutput, onUnknownPrice }, tools),
      actual: (usage, context) => chargedCost(usage, context, { prices, tokenizer, maxOutput }),
    });
  },
});

const HOW_TO_PRICE = 'pass createAgentPlane({ prices }), or write onUnknownPrice: "free" or "alert"';

/** No opinion and nothing to reserve. */
const FREE: LimitEstimate = Object.freeze({ amount: 0, unknown: Object.freeze({}) });

function createEstimate(
  {
    maxOutput,
    onUnknownPrice,
  }: { readonly maxOutput: number; readonly onUnknownPrice: "block" | "free" | "alert" },
  { prices, tokenizer, logger, policyId, ruleId }: CompileTools,
): (context: PolicyContext) => LimitEstimate {
  const warn = createPriceWarning(logger, { policyId, ruleId });
  return (context) => {
    const tokens = estimateModelCall(context, tokenizer, maxOutput);
    const amount = costOf(context, tokens, prices);
    if (amount === 0) return FREE;
    if (amount !== undefined) return { amount, clampOutputTokens: tokens.outputTokens };
    const name = context.model?.name ?? "unknown";
    if (onUnknownPrice === "alert") warn(name);
    if (onUnknownPrice !== "block") return FREE;
    const reason = `the price of model "${name}" is unknown, so its budget cannot be kept`;
    return { amount: 0, unknown: { answer: { answer: "block", reason } } };
  };
}
