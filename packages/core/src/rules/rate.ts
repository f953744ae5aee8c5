import * as z from "zod/mini";

import { between } from "../policy/between.ts";
import { wholeNumber } from "../policy/whole-number.ts";
import {
  breachParams,
  DEGRADE_NEEDS,
  describeLimit,
  perParam,
  subjectsOf,
  windowOf,
  windowParam,
} from "./limit-params.ts";
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
  compile({ limit, window: written, per: subjects, onBreach, degrade }) {
    const window = windowOf(written);
    const per = subjectsOf(subjects);
    return {
      limits: [
        {
          measure: "calls",
          limit,
          window,
          per,
          onBreach,
          ...(degrade !== undefined && { degrade }),
          expired: "charge",
          estimate: () => ONE_CALL,
          // A call that was admitted has happened, whatever became of it.
          actual: () => undefined,
          describe: () => describeLimit(`${limit} ${limit === 1 ? "call" : "calls"}`, window, per),
        },
      ],
    };
  },
});

const ONE_CALL = Object.freeze({ amount: 1 });
