import * as z from "zod/mini";

import { describeLimit, perParam, subjectsOf, windowOf, windowParam } from "./limit-params.ts";
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
  compile({ per: subjects, window: written }, { prices, tokenizer, logger, policyId, ruleId }) {
    const window = windowOf(written);
    const per = subjectsOf(subjects);
    const warn = createPriceWarning(logger, { policyId, ruleId });
    return {
      limits: [
        {
          measure: "microUsd",
          limit: Number.MAX_SAFE_INTEGER,
          window,
          per,
          // Never reached; the soft answer keeps even an overflow from blocking anything.
          onBreach: "escalate",
          expired: "charge",
          estimate(context) {
            const amount = costOf(
              context,
              estimateModelCall(context, tokenizer, DEFAULT_MAX_OUTPUT_TOKENS),
              prices,
            );
            if (amount === undefined) warn(context.model?.name ?? "unknown");
            return { amount: amount ?? 0 };
          },
          actual: (usage, context) =>
            chargedCost(usage, context, { prices, tokenizer, maxOutput: DEFAULT_MAX_OUTPUT_TOKENS }),
          describe: () => describeLimit("any cost", window, per),
        },
      ],
    };
  },
});
