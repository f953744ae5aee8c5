import type { GovernedPlane } from "../call/plane.ts";
import { isApprovalPause } from "./approval-interrupt.ts";

// Middleware around a call may take the interrupt for a failure: it tries again, or gives an answer of its own, and nobody
// is asked. So what pauses a call is noted where it is thrown, and thrown again where all other middleware has ended.

/** What paused a call, by an object that is made for it, and that every middleware is handed. */
const PAUSES = new WeakMap<GovernedPlane, WeakMap<object, unknown>>();

/**
 * Makes a call at its innermost place, and notes that the plane asks a human about it.
 * @param made For the call: LangChain's runtime of a tool; for a turn of the model, LangGraph's `configurable`.
 * @param call Not made again in a run that pauses already: each attempt would ask anew.
 */
export async function notingPause<R>(
  plane: GovernedPlane,
  made: object | undefined,
  call: () => Promise<R>,
): Promise<R> {
  throwNoted(plane, made);
  try {
    return await call();
  } catch (error) {
    if (made !== undefined && isApprovalPause(error)) {
      const pauses = PAUSES.get(plane) ?? new WeakMap<object, unknown>();
      PAUSES.set(plane, pauses.set(made, error));
    }
    throw error;
  }
}

/**
 * Lets all other middleware make a call.
 * @throws GraphInterrupt where it was paused, whatever they made of that.
 */
export async function pausingBehind<R>(
  plane: GovernedPlane,
  made: object | undefined,
  call: () => R | Promise<R>,
): Promise<R> {
  if (made !== undefined) PAUSES.get(plane)?.delete(made);
  try {
    const result = await call();
    throwNoted(plane, made);
    return result;
  } catch (error) {
    throwNoted(plane, made);
    throw error;
  }
}

function throwNoted(plane: GovernedPlane, made: object | undefined): void {
  const pause = made === undefined ? undefined : PAUSES.get(plane)?.get(made);
  if (pause !== undefined) throw pause;
}
