import type { LimitSpec, Measure, Window } from "../policy/limit.ts";
import type { ReserveItem, ReserveRequest } from "../store/state-store.ts";

export const MINUTE: Window = { kind: "sliding", windowMs: 60_000 };
export const FOREVER: Window = { kind: "lifetime" };

/** A limit whose key is made of what it is. */
export function limitOf(
  limit: number,
  measure: Measure = "tokens",
  window: Window = FOREVER,
  key = `${measure}:${limit}`,
): LimitSpec {
  return { key, measure, limit, window };
}

/** An item that refuses the whole request where it does not fit. */
export function hard(
  spec: LimitSpec,
  amount: number,
  expired: ReserveItem["expired"] = "charge",
): ReserveItem {
  return { spec, amount, isSoft: false, expired };
}

/** An item that only reports that it does not fit. */
export function soft(spec: LimitSpec, amount: number): ReserveItem {
  return { spec, amount, isSoft: true, expired: "charge" };
}

export function request(id: string, items: readonly ReserveItem[], ttlMs = 10_000): ReserveRequest {
  return { id, ttlMs, items };
}
