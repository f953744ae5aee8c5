import { AgentplaneError } from "../base/errors.ts";
import { isThenable, type MaybePromise } from "../base/maybe-promise.ts";
import type { Timers } from "../base/ports.ts";

/** How long a store may take, and what measures it. */
export interface StateDeadline {
  readonly timers: Timers;
  /** A call that takes longer counts as failed. */
  readonly timeoutMs: number;
}

/**
 * The answer of a store if it comes in time; a value passes at once.
 * @param operation Names the call for the message.
 * @throws AgentplaneError `state_failed` (rejected) when the time is up first; what comes later is ignored
 */
export function timely<T>(
  answer: MaybePromise<T>,
  operation: string,
  { timers, timeoutMs }: StateDeadline,
): MaybePromise<T> {
  if (!isThenable(answer)) return answer;
  return new Promise<T>((resolve, reject) => {
    const stop = timers.set(() => reject(tooLate(operation, timeoutMs)), timeoutMs);
    answer.then(resolve, reject).finally(stop);
  });
}

function tooLate(operation: string, timeoutMs: number): AgentplaneError {
  return new AgentplaneError(
    "state_failed",
    `the state store did not answer "${operation}" within ${timeoutMs} ms`,
    { data: { operation, timeoutMs } },
  );
}
