import { errorText } from "../base/error-text.ts";
import { AgentplaneError } from "../base/errors.ts";
import { andThen, isThenable, type MaybePromise } from "../base/maybe-promise.ts";
import type { Ruling } from "../decision/decision-point.ts";
import { buildDecision } from "./build-decision.ts";
import type { EngineParts } from "./engine-parts.ts";
import type { Pass } from "./pass.ts";
import type { PipelineParts } from "./pipeline.ts";
import type { Refusal } from "./refusal.ts";
import { giveBackApproval, releaseHolds } from "./remember-call.ts";

/** What went wrong, boxed because anything can be thrown; undefined: nothing. */
export type Failure = { readonly error: unknown } | undefined;

/** The refusal of a call whose state cannot be written. */
export const STATE_DOWN: Refusal = {
  cause: "state_error",
  reason: "the state store does not answer, so nothing may run",
};

/** The refusal of a call that another decision has taken over. */
export const TAKEN_OVER: Refusal = {
  cause: "in_flight",
  reason: "another decision has taken this call over; it runs only once",
};

/** The refusal of a call whose decision cannot be recorded. */
export const AUDIT_DOWN: Refusal = {
  cause: "audit_error",
  reason: "the decision cannot be recorded, so the call is blocked",
};

/** Runs work that may fail now or later; answers with the error instead of throwing it. */
export function attempt(
  work: (pass: Pass, ruling: Ruling, parts: PipelineParts) => MaybePromise<void>,
  pass: Pass,
  ruling: Ruling,
  parts: PipelineParts,
): MaybePromise<Failure> {
  try {
    const done = work(pass, ruling, parts);
    if (!isThenable(done)) return undefined;
    return done.then(
      () => undefined,
      (error: unknown) => ({ error }),
    );
  } catch (error) {
    return { error };
  }
}

/** Whether a failure says that another decision has taken the call over. */
export function isTakenOver(error: unknown): boolean {
  return error instanceof AgentplaneError && error.code === "call_taken_over";
}

/** Reports a failure, and tells whether the call must not go on for it. */
export function mustStop(
  { ports, settings }: EngineParts,
  what: "state" | "audit",
  { error }: NonNullable<Failure>,
): boolean {
  ports.logger.error(`the ${what} failed while a decision was concluded`, {
    error: errorText(error),
  });
  // Two decisions for one call are no outage that could be passed over.
  if (isTakenOver(error)) return true;
  return what === "state" ? settings.onStateError === "block" : settings.onAuditError === "block";
}

/** Turns an allow that could not be made sure into a block: nothing held, nothing running. */
export function failClosed(
  pass: Pass,
  ruling: Ruling,
  parts: PipelineParts,
  refusal: Refusal,
): MaybePromise<Ruling> {
  parts.inFlight.take(ruling.decision.id);
  pass.refusal = refusal;
  const closed = { ...ruling, decision: buildDecision(pass, ruling.decision.id, parts) };
  return andThen(attempt(undo, pass, closed, parts), (failure) => {
    if (failure !== undefined) {
      mustStop(parts, "state", failure);
      undoLater(pass, closed, parts);
    }
    return closed;
  });
}

/** A store that is away is back after so long, or the hold's time ends what it was left with. */
const UNDO_AGAIN_MS = [1_000, 4_000, 16_000, 60_000] as const;

/**
 * What could not be undone is undone when the store is back: the call did not run, so it must not be taken for one of
 * which nobody knows. It undoes only its own, whatever has become of the call meanwhile.
 */
export function undoLater(pass: Pass, closed: Ruling, parts: PipelineParts, tries = 0): void {
  const delayMs = UNDO_AGAIN_MS[tries];
  if (delayMs === undefined) return;
  const again = async (): Promise<void> => {
    if ((await attempt(undo, pass, closed, parts)) !== undefined) undoLater(pass, closed, parts, tries + 1);
  };
  parts.ports.timers.set(() => void again(), delayMs);
}

function undo(pass: Pass, { decision }: Ruling, parts: PipelineParts): MaybePromise<void> {
  const { callKey, reservationId, untilMs } = pass.call;
  const advance = (): MaybePromise<void> =>
    callKey === undefined
      ? undefined
      : parts.admissions.advance(callKey, "asked", {
          nowMs: parts.nowMs(),
          decisionId: decision.id,
          reservationId,
          untilMs,
        });
  const end = { effect: "block", durationMs: 0, isError: false } as const;
  return andThen(giveBackApproval(pass, parts), () =>
    andThen(releaseHolds(pass, parts), () =>
      andThen(advance(), () => parts.sessions.complete(pass.context, decision.id, end)),
    ),
  );
}
