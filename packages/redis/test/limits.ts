import type { LimitSpec, ReserveRequest } from "@agentplane/core";

/** A budget that counts for ever. */
export function budget(key: string, limit = 10_000): LimitSpec {
  return { key, measure: "tokens", limit, window: { kind: "lifetime" } };
}

/** A rate that remembers every call. */
export function rate(key: string, limit = 5): LimitSpec {
  return { key, measure: "calls", limit, window: { kind: "sliding", windowMs: 60_000 } };
}

/** A call that takes so much of one limit. */
export function take(id: string, spec: LimitSpec, amount: number, ttlMs = 60_000): ReserveRequest {
  return { id, ttlMs, items: [{ spec, amount, isSoft: false, expired: "charge" }] };
}
