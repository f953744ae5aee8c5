import { assertNever } from "../base/assert-never.ts";
import { andThen, isThenable, type MaybePromise } from "../base/maybe-promise.ts";
import { isCompleteUsage, type Usage } from "../base/model-costs.ts";
import type { OutcomeRecord } from "../audit/audit-record.ts";
import type { CallEnd, Denial, Ruling } from "../decision/decision-point.ts";
import { auditScopeOf, outcomeRecord } from "./audit-records.ts";
import type { Decider } from "./decide.ts";
import type { EngineParts } from "./engine-parts.ts";
import type { InFlight, InFlightTable } from "./in-flight.ts";
import { recordLateShadow } from "./late-shadow.ts";
import type { OwnedObligation } from "./owned-obligation.ts";
import { isLive, type Plan } from "./plan.ts";
import { isMetered, releaseAll, settleAll, type RunEnd } from "./settle.ts";

/**
 * Ends an admission exactly once: judges the result, settles what was reserved, writes session, call state and outcome.
 * Settlement and audit happen whatever the judgement; a failure on the way withholds the result.
 */
export function finishCall(
  decisionId: string,
  end: CallEnd,
  parts: EngineParts & { readonly decider: Decider; readonly inFlight: InFlightTable },
): MaybePromise<Ruling | undefined> {
  const flight = parts.inFlight.take(decisionId);
  if (flight === undefined) return undefined;
  const durationMs = parts.ports.clock.elapsedMs() - flight.startedMs;
  switch (end.status) {
    case "suspended":
      return andThen(closeCall(flight, parts, { status: "suspended", durationMs }), () => undefined);
    case "released":
      return andThen(releaseAll(flight, parts), () =>
        andThen(closeCall(flight, parts, { status: "released", durationMs }), () => undefined),
      );
    case "ran":
    case "failed":
      return endRun(flight, end, parts, durationMs);
    default:
      return assertNever(end, "call end");
  }
}

function endRun(
  flight: InFlight,
  end: RunEnd,
  parts: EngineParts & { readonly decider: Decider },
  durationMs: number,
): MaybePromise<Ruling> {
  // Settled first: what was used is charged even when judging the result fails.
  const settled = guarded(() => settleAll(flight, end, parts, durationMs), parts, "settlement");
  return andThen(settled, (isSettled) => {
    const mayShow = isSettled || parts.settings.onStateError === "allow";
    const denial = end.denial ?? (mayShow ? undefined : UNSETTLED);
    return andThen(parts.decider.judgeResult(end.context, denial, flight.duties), ({ ruling, pass }) => {
      if (pass.lateShadow.length > 0) recordLateShadow(pass, ruling.decision, parts);
      const isWithheld = ruling.decision.effect === "block";
      const shown = isWithheld ? withheld(flight, ruling) : ruling;
      const closed = closeCall(flight, parts, {
        status: isWithheld ? "withheld" : end.status,
        isError: end.status === "failed" || end.context.isError === true,
        // Cut in the middle, it may have happened: it is not tried again under the same id.
        isUnknown: end.denial?.cause === "unplugged",
        ruling: shown,
        usage: end.usage,
        durationMs,
        duties: pass.duties,
        plan: pass.plan,
      });
      return andThen(closed, ({ isStateSound, isRecorded }) => {
        if (isWithheld) return shown;
        if (!isStateSound && parts.settings.onStateError === "block")
          return withheldFor(flight, shown, UNSETTLED);
        return isRecorded || parts.settings.onAuditError === "continue"
          ? shown
          : withheldFor(flight, shown, UNRECORDED);
      });
    });
  });
}

const UNSETTLED: Denial = { cause: "state_error", reason: "what it used could not be settled" };

const NO_DUTIES: readonly OwnedObligation[] = Object.freeze([]);

interface Close {
  readonly status: OutcomeRecord["outcome"];
  readonly durationMs: number;
  readonly isError?: boolean;
  readonly isUnknown?: boolean;
  readonly ruling?: Ruling;
  readonly usage?: Usage | undefined;
  readonly duties?: readonly OwnedObligation[];
  readonly plan?: Plan | undefined;
}

const CALL_STATE = {
  ran: "done",
  withheld: "done",
  failed: "failed",
  suspended: "suspended",
  released: "asked",
} as const;

/** Moves the call and its session on. */
function closeState(flight: InFlight, parts: EngineParts, close: Close): MaybePromise<void> {
  const { context, callKey, ruling } = flight;
  const decisionId = ruling.decision.id;
  const isError = close.isError === true;
  const state = isError && close.isUnknown !== true ? "failed" : CALL_STATE[close.status];
  const advanced =
    callKey === undefined
      ? undefined
      : parts.admissions.advance(callKey, state, {
          nowMs: parts.nowMs(),
          decisionId,
          reservationId: flight.reservationId,
        });
  if (close.status === "suspended") return advanced;
  return andThen(advanced, () =>
    parts.sessions.complete(context, decisionId, { isError, durationMs: close.durationMs, effect: "allow" }),
  );
}

/** State and record are independent: a store that fails does not cost the record of what happened. */
function closeCall(
  flight: InFlight,
  parts: EngineParts,
  close: Close,
): MaybePromise<{ readonly isStateSound: boolean; readonly isRecorded: boolean }> {
  const moved = guarded(() => closeState(flight, parts, close), parts, "call state");
  return andThen(moved, (isStateSound) =>
    andThen(
      guarded(() => writeOutcome(flight, parts, close), parts, "outcome"),
      (isRecorded) => ({ isStateSound, isRecorded }),
    ),
  );
}

function writeOutcome(flight: InFlight, parts: EngineParts, close: Close): MaybePromise<void> {
  const { ruling, context } = flight;
  const shown = close.ruling?.context ?? context;
  const scope = auditScopeOf(close.plan, shown, flight.traits);
  const facts = {
    decisionId: ruling.decision.id,
    context: shown,
    outcome: close.status,
    after: close.ruling?.decision,
    usage: close.usage,
    isEstimated:
      close.status === "ran" &&
      flight.limits.some(
        ({ declaration: { measure } }) => isMetered(measure) && !isCompleteUsage(close.usage, measure),
      ),
    durationMs: close.durationMs,
    duties: close.duties ?? NO_DUTIES,
    admittedDuties: flight.duties,
    plan: close.plan,
  };
  const written = parts.audit.append(outcomeRecord(facts, scope, parts), scope.mode);
  const observers = close.plan?.observers;
  if (observers === undefined || observers.length === 0) return written;
  const live = observers.filter((entry) => isLive(entry, shown));
  if (live.length > 0) {
    parts.observers.push(live, {
      context: shown,
      decision: close.ruling?.decision ?? ruling.decision,
      phase: "outcome",
      ...(close.usage !== undefined && { usage: close.usage }),
      durationMs: close.durationMs,
      isError: close.isError === true,
    });
  }
  return written;
}

/** Runs a duty that no policy gates; its failure is loud and answers false. */
function guarded(
  work: () => MaybePromise<void>,
  { ports }: EngineParts,
  what: string,
): MaybePromise<boolean> {
  const fail = (error: unknown): boolean => {
    ports.logger.error(`${what} of a finished call failed`, {
      error: error instanceof Error ? error.message : "unknown",
    });
    return false;
  };
  try {
    const done = work();
    return isThenable(done) ? done.then(() => true, fail) : true;
  } catch (error) {
    return fail(error);
  }
}

/** The action has happened: whoever reads the replacement must not believe that it did not. */
function withheld(flight: InFlight, { decision, context }: Ruling): Ruling {
  const message = withheldWords(flight.context, decision.reason);
  return {
    decision: { ...decision, message },
    context: Object.freeze({ ...context, result: message, isError: true }),
    callKeys: [],
  };
}

function withheldWords({ tool, model }: InFlight["context"], reason: string): string {
  // A model's answer changes nothing in the world: what matters is that it is not shown.
  if (model !== undefined) return `The model's answer is withheld: ${reason}.`;
  const what = tool === undefined ? "The action" : `The call of ${tool.name}`;
  return `${what} WAS executed, but its result is withheld: ${reason}. Do not repeat the call.`;
}

const UNRECORDED: Denial = { cause: "audit_error", reason: "its outcome could not be recorded" };

function withheldFor(flight: InFlight, ruling: Ruling, { cause, reason }: Denial): Ruling {
  const decision = { ...ruling.decision, cause, reason, verdict: "block", effect: "block" } as const;
  return withheld(flight, { ...ruling, decision });
}
