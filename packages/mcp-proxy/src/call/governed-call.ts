import type { Admission, Denied, GuardInit, Usage } from "@agentplane/core";

import { hasInexactNumber, rewritten, type Change, type Frame } from "../frame/frame.ts";
import { recordOf } from "../frame/json.ts";
import { CODES, errorFrame, idOf } from "../frame/rpc.ts";
import { tellDecision } from "../trace/traced-request.ts";
import { RESPONSE, RpcFailure, succeeded, withErrorText } from "../judge/answer.ts";
import { NoAnswer, type Connection, type RunningCall } from "../connection/connection.ts";

/** A request that is decided before it goes on, and its answer before it goes back. */
export interface GovernedRequest {
  readonly frame: Frame;
  readonly context: GuardInit;
  /** Sends it to the side that answers. */
  readonly ask: (frame: Frame) => Promise<Frame>;
  /** Tells that side that nobody waits any more. */
  readonly cancel: () => void;
  /** What of the request changes with the input that was admitted. */
  readonly changes: (admission: Admission) => readonly Change[];
  readonly usage?: (response: Frame) => Usage | undefined;
  /** Where it is kept while it runs. Default: nowhere. */
  readonly running?: Set<RunningCall>;
}

/** @returns What goes back: the answer, an error of ours, or the denial. Undefined: nobody waits for an answer. */
export async function governedCall(
  { options: { plane }, batchOrder }: Connection,
  request: GovernedRequest,
): Promise<Frame | Denied | undefined> {
  const { frame, context, ask, cancel, changes, usage, running } = request;
  let failed: Frame | undefined;
  try {
    const outcome = await plane.guard.toolCall<Frame>({
      context,
      async run(admission) {
        tellDecision(admission.decision);
        admission.signal.addEventListener("abort", cancel);
        const call = { admission, frame };
        running?.add(call);
        try {
          const response = await ask(asAdmitted(frame, changes(admission)));
          failed = response;
          return succeeded(response);
        } finally {
          running?.delete(call);
        }
      },
      result: RESPONSE,
      isError: ({ message }) => recordOf(message["result"])?.["isError"] === true,
      ...(usage !== undefined && { usage }),
    });
    if (outcome.status === "ran") return outcome.result;
    tellDecision(outcome.decision);
    const id = idOf(frame.message);
    if (id !== undefined) batchOrder.decided(id);
    return outcome;
  } catch (error) {
    return answerOf(frame, error, failed);
  }
}

function asAdmitted(frame: Frame, changes: readonly Change[]): Frame {
  if (changes.length === 0) return frame;
  if (changes.some(({ path }) => hasInexactNumber(frame, path))) {
    throw new RangeError("a rewritten part of the request holds a number that cannot be repeated exactly");
  }
  return rewritten(frame, changes);
}

function answerOf({ message }: Frame, error: unknown, failed: Frame | undefined): Frame | undefined {
  const id = idOf(message) ?? null;
  if (error instanceof NoAnswer) {
    return error.isCancelled
      ? undefined
      : errorFrame(id, { code: CODES.unavailable, message: error.message });
  }
  if (error instanceof RpcFailure && failed !== undefined) return failed;
  // The other side's error, as rules left its words.
  if (failed !== undefined && "error" in failed.message && error instanceof Error)
    return withErrorText(failed, error);
  const text = error instanceof Error ? error.message : "the call failed";
  return errorFrame(id, { code: CODES.internal, message: text });
}
