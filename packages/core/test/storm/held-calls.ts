import type { PlaneOptions } from "../../src/plane-options.ts";
import { rule } from "../../src/rules/rule-factory.ts";
import type { StateStore } from "../../src/store/state-store.ts";

/** So many calls one process makes at once. */
export const CALLS = 1_000;
/** What a call holds of each time budget. */
export const ESTIMATE_MS = 1_000;
/** How long what a call holds outlives its process. */
export const HOLD_TTL_MS = 3_000;

export const AGENT = "worker";

/**
 * A plane whose calls take three things at once: a call is counted, a time is held that is charged when nobody ends the
 * call, and a time that is then given back.
 */
export function planeOptions(state: StateStore): PlaneOptions {
  const time = { window: "1h", limit: "1h", estimate: "1s" } as const;
  return {
    state,
    holdTtl: "3s",
    tools: { long: { access: "read", external: false } },
    policies: [
      {
        id: "held",
        blocking: [
          rule.rate({ id: "calls", limit: 2 * CALLS, window: "1h", per: "agent" }),
          rule.timeBudget({ ...time, id: "charged", expired: "charge" }),
          rule.timeBudget({ ...time, id: "returned", expired: "release" }),
        ],
      },
    ],
  };
}
