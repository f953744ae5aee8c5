import { AgentplaneError, type MaybePromise } from "@agentplane/core";

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
  plane: GovernedPlane,
  signal: AbortSignal | undefined,
  attempt: () => MaybePromise<Outcome>,
): Promise<Outcome> {
  for (;;) {
    // oxlint-disable-next-line no-await-in-loop -- each attempt follows from a human's answer to the one before
    const outcome = await attempt();
    const approvalId = approvalOf(outcome);
    if (approvalId === undefined || !plane.guard.isNested()) return outcome;
    // oxlint-disable-next-line no-await-in-loop
    await answer(plane, approvalId, signal);
  }
}

/** Whether an outcome is one that `whenAnswered` would wait for. */
export function isAwaited({ guard }: GovernedPlane, outcome: object): boolean {
  return approvalOf(outcome) !== undefined && guard.isNested();
}

function approvalOf(outcome: object): string | undefined {
  if (!("status" in outcome) || outcome.status !== "pending" || !("approvalId" in outcome)) return undefined;
  return String(outcome.approvalId);
}

/** A no and a request that has expired are answers too: the next attempt is told. */
async function answer(
  { approvals }: GovernedPlane,
  approvalId: string,
  signal: AbortSignal | undefined,
): Promise<void> {
  try {
    await approvals.wait(approvalId, signal);
  } catch (error) {
    if (!(error instanceof AgentplaneError) || error.code !== "approval_pending") throw error;
    throw signal?.reason ?? error;
  }
}
