import * as z from "zod/mini";

import { limitOf, perParam, windowParam } from "./limit-params.ts";
import { chargedCost, costOf, createPriceWarning } from "./model-cost.ts";
import { DEFAULT_MAX_OUTPUT_TOKENS, estimateModelCall } from "./model-estimate.ts";
import { defineRule } from "./rule.ts";

/**
 * Adds up what model calls cost and limits nothing: a ledger entry without an end, read like any limit. So the totals
 * survive a reload and, on a durable store, a restart.
 */
export const costTracking = defineRule({
  kind: "costTracking",
  timing: "nonBlocking",
  hookpoints: ["before_model_call"],
  params: z.strictObject({
    per: z._default(perParam, "tenant"),
    window: z._default(windowParam, "lifetime"),
  }),
  isStateless: false,
  compile(params, { prices, tokenizer, logger, policyId, ruleId }) {
    const warn = createPriceWarning(logger, { policyId, ruleId });
    const maxOutput = DEFAULT_MAX_OUTPUT_TOKENS;
    return limitOf("any cost", {
      ...params,
      measure: "microUsd",
      limit: Number.MAX_SAFE_INTEGER,
      // Never reached; the soft answer keeps even an overflow from blocking anything.
      onBreach: "escalate",
      expired: "charge",
      estimate(context) {
        const amount = costOf(context, estimateModelCall(context, tokenizer, maxOutput), prices);
        if (amount === undefined) warn(context.model?.name ?? "unknown");
        return { amount: amount ?? 0 };
      },
      actual: (usage, context) => chargedCost(usage, context, { prices, tokenizer, maxOutput }),
    });
  },
});
