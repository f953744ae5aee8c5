import * as z from "zod/mini";

import { between } from "../policy/between.ts";
import { omittable } from "../policy/omittable.ts";
import { mustHold } from "../policy/schema-check.ts";
import { wholeNumber } from "../policy/whole-number.ts";
import { breachParams, DEGRADE_NEEDS, expiredParam, limitOf, perParam, windowParam } from "./limit-params.ts";
import { completedUsage, estimateModelCall, maxOutputParam, wholeAmount } from "./model-estimate.ts";
import { defineRule } from "./rule.ts";

/**
 * Keeps model calls within a number of tokens: the estimate is held before the call, the real usage settled after it.
 */
export const tokenBudget = defineRule({
  kind: "tokenBudget",
  timing: "blocking",
  hookpoints: ["before_model_call"],
  params: z
    .strictObject({
      maxTokens: omittable(wholeNumber.check(between(0))),
      /** Another word for `maxTokens`. */
      limit: omittable(wholeNumber.check(between(0))),
      window: windowParam,
      per: z._default(perParam, "agent"),
      maxOutput: maxOutputParam,
      expired: expiredParam,
      ...breachParams,
    })
    .check(
      mustHold(
        ({ maxTokens, limit }) => (maxTokens === undefined) !== (limit === undefined),
        "must be given, once",
        { at: "maxTokens", suggestion: "write maxTokens: 100000 (limit means the same)" },
      ),
      DEGRADE_NEEDS,
    ),
  isStateless: false,
  compile({ maxTokens, limit = maxTokens ?? 0, maxOutput, ...rest }, { tokenizer }) {
    return limitOf(`${limit} tokens`, {
      ...rest,
      measure: "tokens",
      limit,
      estimate(context) {
        const { inputTokens, outputTokens } = estimateModelCall(context, tokenizer, maxOutput);
        return { amount: inputTokens + outputTokens, clampOutputTokens: outputTokens };
      },
      actual(usage, context) {
        const used = completedUsage(usage, () => estimateModelCall(context, tokenizer, maxOutput));
        return used && wholeAmount(used.inputTokens + used.outputTokens);
      },
    });
  },
});
