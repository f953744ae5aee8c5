import * as z from "zod/mini";

import { between } from "../policy/between.ts";
import { wholeNumber } from "../policy/whole-number.ts";
import { breachParams, DEGRADE_NEEDS, limitOf, perParam, windowParam } from "./limit-params.ts";
import { defineRule } from "./rule.ts";

/** Lets at most `limit` calls through per window and subject. */
export const rate = defineRule({
  kind: "rate",
  timing: "blocking",
  hookpoints: ["*"],
  params: z
    .strictObject({
      limit: wholeNumber.check(between(0)),
      window: windowParam,
      per: z._default(perParam, "agent"),
      ...breachParams,
    })
    .check(DEGRADE_NEEDS),
  isStateless: false,
  isShared: true,
  compile(params) {
    const { limit } = params;
    return limitOf(`${limit} ${limit === 1 ? "call" : "calls"}`, {
      ...params,
      measure: "calls",
      expired: "charge",
      estimate: () => ONE_CALL,
      // A call that was admitted has happened, whatever became of it.
      actual: () => undefined,
    });
  },
});

const ONE_CALL = Object.freeze({ amount: 1 });
