import * as z from "zod/mini";

import { formatDuration, parseDurationMs, requireDurationMs } from "../base/duration.ts";
import { durationSchema } from "../policy/duration-schema.ts";
import { omittable } from "../policy/omittable.ts";
import { mustHold } from "../policy/schema-check.ts";
import { breachParams, DEGRADE_NEEDS, expiredParam, limitOf, perParam, windowParam } from "./limit-params.ts";
import { defineRule, type LimitEstimate } from "./rule.ts";

/** What a call holds when nobody says how long it takes; a budget below that is held whole. */
const DEFAULT_ESTIMATE_MS = 1_000;

/** They contain other calls, which are measured themselves: sla watches the whole. */
const CONTAINERS: ReadonlySet<string> = new Set(["before_agent", "before_handoff"]);

/**
 * Keeps the time that calls take within a budget: the estimate is held before the call, the real duration settled
 * after it. A call is not cut when its time is up; the next one meets what is left.
 */
export const timeBudget = defineRule({
  kind: "timeBudget",
  timing: "blocking",
  hookpoints: ["*"],
  params: z
    .strictObject({
      limit: durationSchema,
      window: windowParam,
      per: z._default(perParam, "agent"),
      estimate: omittable(durationSchema),
      expired: expiredParam,
      ...breachParams,
    })
    .check(
      mustHold(
        ({ limit, estimate }) => estimate === undefined || isWithin(estimate, limit),
        "is more than the limit, so no call would ever fit",
        { at: "estimate", suggestion: "write what one call usually takes" },
      ),
      DEGRADE_NEEDS,
    ),
  isStateless: false,
  compile({ limit: written, estimate: usual, ...rest }) {
    const limit = requireDurationMs(written);
    const amount = usual === undefined ? Math.min(DEFAULT_ESTIMATE_MS, limit) : requireDurationMs(usual);
    const oneCall: LimitEstimate = Object.freeze({ amount });
    return limitOf(`${formatDuration(limit)} of running time`, {
      ...rest,
      measure: "ms",
      limit,
      estimate: ({ hookpoint }) => (CONTAINERS.has(hookpoint) ? UNMEASURED : oneCall),
      // Whole milliseconds, rounded up: many short calls must not be free.
      actual: (_usage, _context, durationMs) => Math.max(0, Math.ceil(durationMs)),
    });
  },
});

/** No opinion and nothing to reserve. */
const UNMEASURED: LimitEstimate = Object.freeze({ amount: 0, unknown: Object.freeze({}) });

/** What is no duration has its own issue. */
function isWithin(estimate: string, limit: string): boolean {
  return (parseDurationMs(estimate) ?? 0) <= (parseDurationMs(limit) ?? Infinity);
}
