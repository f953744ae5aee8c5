import { AgentplaneError } from "../base/errors.ts";
import type { ReserveRequest } from "./state-store.ts";

/**
 * Refuses a reservation that no ledger could account for.
 * @throws AgentplaneError `usage_invalid`
 */
export function checkRequest({ id, ttlMs, items }: ReserveRequest): void {
  checkReservationId(id);
  checkTtl(ttlMs);
  for (let index = 0; index < items.length; index++) checkAmount(items[index]!.amount, "a reserved amount");
}

/**
 * Refuses an id under which nothing could be found again.
 * @throws AgentplaneError `usage_invalid`
 */
export function checkReservationId(id: string): void {
  if (id === "") throw new AgentplaneError("usage_invalid", "a reservation needs an id that is not empty");
}

/**
 * Refuses a life of a hold that is not a positive time.
 * @throws AgentplaneError `usage_invalid`
 */
export function checkTtl(ttlMs: number): void {
  if (ttlMs > 0 && Number.isSafeInteger(Math.ceil(ttlMs))) return;
  throw new AgentplaneError("usage_invalid", `a hold cannot live for ${ttlMs} ms; give a positive number`);
}

/**
 * Refuses an amount that would not add up: a fraction, NaN, a negative number.
 * @param what The amount's name, for the message.
 * @throws AgentplaneError `usage_invalid`
 */
export function checkAmount(amount: number, what: string): void {
  if (Number.isSafeInteger(amount) && amount >= 0) return;
  throw new AgentplaneError("usage_invalid", `${what} must be a whole number from 0, not ${amount}`);
}
