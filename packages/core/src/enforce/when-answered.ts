import { requireFunction } from "../base/argument.ts";
import { AgentplaneError } from "../base/errors.ts";
import type { MaybePromise } from "../base/maybe-promise.ts";
import type { AbortSignalLike } from "../base/platform.ts";
import type { GuardCore } from "./guard-core.ts";

/**
 * Decides and, where allowed, runs a call until it needs no human any more. A no and a request that has expired are answers
 * too: the next attempt is told.
 * @throws The reason of the signal: giving up waiting is not consent.
 */
export async function whenAnswered<Result extends object>(
  { waitForAnswer }: GuardCore,
  attempt: () => MaybePromise<Result>,
  signal: AbortSignalLike | undefined,
): Promise<Result> {
  requireFunction("guard.whenAnswered: attempt", attempt);
  for (;;) {
    // oxlint-disable-next-line no-await-in-loop -- each attempt follows from a human's answer to the one before
    const outcome = await attempt();
    if (!("status" in outcome) || outcome.status !== "pending" || !("approvalId" in outcome)) return outcome;
    try {
      // oxlint-disable-next-line no-await-in-loop
      await waitForAnswer(String(outcome.approvalId), signal);
    } catch (error) {
      if (!(error instanceof AgentplaneError) || error.code !== "approval_pending") throw error;
      throw signal?.reason ?? error;
    }
  }
}
