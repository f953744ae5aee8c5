import type { MaybePromise } from "@agentplane/core";

import type { GovernedPlane } from "./plane.ts";

/**
 * Decides and runs a call; inside a tool of another governed agent, one that needs a human waits here and is decided again.
 * There the SDK has no way to pause: the run inside the tool would end without a word, and the one outside would go on as
 * if the work were done.
 * @param attempt Decides and, where allowed, runs. Its call has one id, so each attempt is the same call.
 * @param signal The caller's: giving up waiting is not consent.
 * @throws The reason of `signal`
 */
export async function whenAnswered<Outcome extends object>(
  { guard }: GovernedPlane,
  signal: AbortSignal | undefined,
  attempt: () => MaybePromise<Outcome>,
): Promise<Outcome> {
  return guard.isNested() ? guard.whenAnswered(attempt, signal) : attempt();
}

/** Whether an outcome is one that `whenAnswered` would wait for. */
export function isAwaited({ guard }: GovernedPlane, outcome: { readonly status: string }): boolean {
  return outcome.status === "pending" && guard.isNested();
}
