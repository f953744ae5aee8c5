import { requireFunction, requireObject, requireText } from "../base/argument.ts";
import { AgentplaneError } from "../base/errors.ts";
import { isThenable, type MaybePromise } from "../base/maybe-promise.ts";
import type { AbortSignalLike } from "../base/platform.ts";
import type { Timers } from "../base/ports.ts";
import { unknownApproval, type Approval } from "./approval-machine.ts";

/** What waiting needs. */
export interface WaitDeps {
  /** The request as it stands now. */
  look(): MaybePromise<Approval | undefined>;
  watch(changed: () => void): () => void;
  readonly timers: Timers;
  nowMs(): number;
}

/**
 * Waits until a request is answered or its time is up; woken by the store, by a timer, or by a signal.
 * @throws AgentplaneError `approval_pending` when the signal fires: that is not an answer; `approval_invalid` for an
 *   unknown request
 */
export function waitForAnswer(
  id: string,
  signal: AbortSignalLike | undefined,
  deps: WaitDeps,
): Promise<Approval> {
  return new Promise((resolve, reject) => {
    requireText("approvals.wait: id", id);
    if (signal !== undefined) requireObject("approvals.wait: signal", signal, "AbortSignal.timeout(60_000)");
    if (signal !== undefined) requireFunction("approvals.wait: signal", signal.addEventListener);
    let stopTimer: (() => void) | undefined;
    let isOver = false;
    const end = (settle: () => void): void => {
      if (isOver) return;
      isOver = true;
      stopTimer?.();
      unwatch();
      signal?.removeEventListener("abort", onAbort);
      settle();
    };
    const fail = (error: unknown): void => end(() => reject(error));
    const onAbort = (): void => fail(givenUp(id, signal?.reason));
    const judge = (approval: Approval | undefined): void => {
      if (isOver) return;
      if (approval === undefined) return fail(unknownApproval(id));
      if (approval.status !== "pending") return end(() => resolve(approval));
      stopTimer?.();
      const leftMs = Math.max(1, Math.ceil(approval.expiresAtMs - deps.nowMs()));
      stopTimer = deps.timers.set(look, leftMs);
    };
    const look = (): void => {
      try {
        const found = deps.look();
        if (isThenable(found)) found.then(judge, fail);
        else judge(found);
      } catch (error) {
        fail(error);
      }
    };
    const unwatch = deps.watch(look);
    signal?.addEventListener("abort", onAbort, { once: true });
    if (signal?.aborted === true) onAbort();
    else look();
  });
}

function givenUp(id: string, cause: unknown): AgentplaneError {
  const message = `waiting for the approval ${id} was given up; it is still pending, which is not consent`;
  return new AgentplaneError("approval_pending", message, { data: { approvalId: id }, cause });
}
