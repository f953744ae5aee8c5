/** What a limit counts. */
export type Measure = "calls" | "tokens" | "microUsd" | "ms";

/** By what a limit is kept apart; every key but `global` also contains the tenant. */
export const LIMIT_SUBJECTS = ["agent", "tenant", "user", "session", "run", "tool", "global"] as const;
export type LimitSubject = (typeof LIMIT_SUBJECTS)[number];

/** Whom limits may count by: what they need to know of a call. */
export interface LimitSubjects {
  readonly agent: { readonly id: string; readonly runId?: string };
  readonly tenant?: string | undefined;
  readonly user?: string | undefined;
  readonly session?: string | undefined;
  readonly tool?: { readonly name: string };
}

/** A sliding stretch of time, a calendar unit in a time zone, or the whole life of the subject. */
export type Window =
  | { readonly kind: "sliding"; readonly windowMs: number }
  | { readonly kind: "calendar"; readonly unit: "day" | "month"; readonly timeZone: string }
  | { readonly kind: "lifetime" };

/**
 * One limit as the ledger keeps it. The key is complete (plane, tenant, policy, rule, dimension, value, window), so a
 * changed number keeps its counts and a changed window starts anew.
 */
export interface LimitSpec {
  readonly key: string;
  readonly measure: Measure;
  /** Integer; micro-dollars for `microUsd`. 0 admits nothing. */
  readonly limit: number;
  readonly window: Window;
}
