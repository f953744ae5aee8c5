import type { GovernedPlane } from "../call/plane.ts";
import { isApprovalPause } from "./approval-interrupt.ts";

// Middleware around a call may take the interrupt for a failure: it tries again, or gives an answer of its own, and nobody
// is asked. So what pauses a call is noted where it is thrown, and thrown again where all other middleware has ended.

/** What paused a call, by an object that is made for it, and that every middleware is handed. */
const PAUSES = new WeakMap<GovernedPlane, WeakMap<object, unknown>>();

/**
 * Takes note of what a call threw at its innermost place, where the plane asks a human about it.
 * @param made For the call: LangChain's runtime of a tool; for a turn of the model, LangGraph's `configurable`.
 */
export function notePause(plane: GovernedPlane, made: object | undefined, error: unknown): void {
  if (made === undefined || !isApprovalPause(error)) return;
  const pauses = PAUSES.get(plane) ?? new WeakMap<object, unknown>();
  PAUSES.set(plane, pauses.set(made, error));
}

/**
 * Goes on where nothing has paused a call: before it is made, as each attempt would ask anew, and where all other middleware
 * has ended.
 * @throws GraphInterrupt where it was paused, whatever they made of that.
 */
export function throwNoted(plane: GovernedPlane, made: object | undefined): void {
  const pause = made === undefined ? undefined : PAUSES.get(plane)?.get(made);
  if (pause !== undefined) throw pause;
}

/** All other middleware is about to make a call. */
export function forgetPause(plane: GovernedPlane, made: object | undefined): void {
  if (made !== undefined) PAUSES.get(plane)?.delete(made);
}
