import { assertNever } from "../base/assert-never.ts";
import { AgentplaneError } from "../base/errors.ts";
import { andThenWith, type MaybePromise } from "../base/maybe-promise.ts";
import { msSince } from "../base/ms-since.ts";
import type { OutcomeRecord } from "../audit/audit-record.ts";
import type { PolicyContext } from "../context/context.ts";
import type { CallEnd, Ruling } from "../decision/decision-point.ts";
import { auditScopeOf, outcomeRecord, type EndFacts } from "./audit-records.ts";
import type { Decider, JudgedResult } from "./decide.ts";
import type { EngineParts } from "./engine-parts.ts";
import { guarded } from "./guarded-duty.ts";
import type { InFlightTable } from "./in-flight.ts";
import { recordLateShadow } from "./late-shadow.ts";
import type { Pass } from "./pass.ts";
import { isLive, type Plan } from "./plan.ts";
import { hasRun, releaseAll, settleAll, type RunEnd } from "./settle.ts";
import { UNRECORDED, UNSETTLED, withheld, withheldFor } from "./withheld.ts";

/** What ending works with. */
export interface FinishParts extends EngineParts {
  readonly decider: Decider;
  readonly inFlight: InFlightTable;
}

/** One end on its way: each step reads the earlier fields and fills its own. */
interface Ending extends EndFacts {
  readonly parts: FinishParts;
  readonly end: CallEnd;
  status: Exclude<OutcomeRecord["outcome"], "unsettled">;
  isStateSound: boolean;
  shown: Ruling | undefined;
  judging: Pass | undefined;
}

/**
 * Ends an admission exactly once: judges the result, settles what was reserved, writes session, call state and outcome.
 * Settlement and audit happen whatever the judgement; a failure on the way withholds the result.
 */
export function finishCall(
  decisionId: string,
  end: CallEnd,
  parts: FinishParts,
): MaybePromise<Ruling | undefined> {
  const flight = parts.inFlight.take(decisionId);
  if (flight === undefined) return undefined;
  const ending: Ending = {
    parts,
    flight,
    durationMs: msSince(parts.ports.clock, flight.startedMs),
    end,
    status: end.status,
    isStateSound: true,
    shown: undefined,
    judging: undefined,
  };
  switch (end.status) {
    case "suspended":
      return andThenWith(closeCall(ending), nothing, ending);
    case "released":
      if (end.isRefused === true && flight.used !== undefined)
        return andThenWith(guarded("approval", giveBack, ending), releaseAndClose, ending);
      return releaseAndClose(true, ending);
    case "ran":
    case "failed":
      // Settled first: what was used is charged even when judging the result fails.
      return andThenWith(guarded("settlement", settle, ending), judge, ending);
    default:
      return assertNever(end, "call end");
  }
}

function nothing(): undefined {
  return undefined;
}

function giveBack({ flight: { used }, parts }: Ending): MaybePromise<void> {
  return used && parts.approvals.giveBack(used);
}

function releaseAndClose(_isGivenBack: boolean, ending: Ending): MaybePromise<undefined> {
  return andThenWith(guarded("release", release, ending), closeReleased, ending);
}

function release({ flight, parts }: Ending): MaybePromise<void> {
  return releaseAll(flight, parts);
}

function closeReleased(_isReleased: boolean, ending: Ending): MaybePromise<undefined> {
  return andThenWith(closeCall(ending), nothing, ending);
}

function settle({ end, flight, parts, durationMs }: Ending): MaybePromise<void> {
  return settleAll(flight, runOf(end), parts, durationMs);
}

function isFailed(end: CallEnd): boolean {
  return hasRun(end) && (end.status === "failed" || end.context.isError === true);
}

/** Enforcement refused it after all, before it began. */
function isRefused(end: CallEnd): boolean {
  return end.status === "released" && end.isRefused === true;
}

/** The end of a call that ran: the steps below are reached by no other. */
function runOf(end: CallEnd): RunEnd {
  if (hasRun(end)) return end;
  throw new AgentplaneError("internal_unreachable", "the end of a call that did not run was judged");
}

function judge(isSettled: boolean, ending: Ending): MaybePromise<Ruling> {
  const { parts, flight } = ending;
  const end = runOf(ending.end);
  const mayShow = isSettled || parts.settings.onStateError === "allow";
  const denial = end.denial ?? (mayShow ? undefined : UNSETTLED);
  return andThenWith(parts.decider.judgeResult(end.context, denial, flight.duties), closeRun, ending);
}

function closeRun({ ruling, pass }: JudgedResult, ending: Ending): MaybePromise<Ruling> {
  const { parts, flight } = ending;
  if (pass.rare.lateShadow.length > 0) recordLateShadow(pass, ruling.decision, parts);
  const isWithheld = ruling.decision.effect === "block";
  ending.shown = isWithheld ? withheld(flight, ruling) : ruling;
  if (isWithheld) ending.status = "withheld";
  ending.judging = pass;
  return andThenWith(closeCall(ending), shownAfter, ending);
}

function shownAfter(isRecorded: boolean, ending: Ending): Ruling {
  const { shown, flight, parts, status, isStateSound } = ending;
  if (shown === undefined) throw new AgentplaneError("internal_unreachable", "a result was not judged");
  if (status === "withheld") return shown;
  if (!isStateSound && parts.settings.onStateError === "block") return withheldFor(flight, shown, UNSETTLED);
  return isRecorded || parts.settings.onAuditError === "continue"
    ? shown
    : withheldFor(flight, shown, UNRECORDED);
}

const CALL_STATE = {
  ran: "done",
  withheld: "done",
  failed: "failed",
  suspended: "suspended",
  released: "asked",
} as const;

/** Moves the call and its session on. */
function closeState(ending: Ending): MaybePromise<void> {
  const { flight, parts, end } = ending;
  const { callKey, reservationId } = flight.call;
  if (callKey === undefined) return endInSession(undefined, ending);
  // Cut in the middle, it may have happened: it is not tried again under the same id.
  const isUnknown = hasRun(end) && end.denial?.cause === "unplugged";
  const state = isFailed(end) && !isUnknown ? "failed" : CALL_STATE[ending.status];
  const info = {
    nowMs: parts.nowMs(),
    decisionId: flight.ruling.decision.id,
    reservationId,
  };
  return andThenWith(parts.admissions.advance(callKey, state, info), endInSession, ending);
}

function endInSession(_advanced: void, ending: Ending): MaybePromise<void> {
  const { flight, parts, end, status, durationMs } = ending;
  const { context, decision } = flight.ruling;
  if (status === "suspended") return;
  // It never began, so that the same call may be made again; or it was refused after all.
  if (status === "released" && !isRefused(end)) return parts.sessions.takeOut(context, decision.id);
  const effect = isRefused(end) ? "block" : "allow";
  return parts.sessions.complete(context, decision.id, { isError: isFailed(end), durationMs, effect });
}

/**
 * State and record are independent: a store that fails does not cost the record of what happened.
 * @returns Whether the outcome is recorded.
 */
function closeCall(ending: Ending): MaybePromise<boolean> {
  return andThenWith(guarded("call state", closeState, ending), recordOutcome, ending);
}

function recordOutcome(isStateSound: boolean, ending: Ending): MaybePromise<boolean> {
  ending.isStateSound = isStateSound;
  return guarded("outcome", writeOutcome, ending);
}

function writeOutcome(ending: Ending): MaybePromise<void> {
  const { flight, parts, shown, judging } = ending;
  const context = shown?.context ?? flight.ruling.context;
  const plan = judging?.plan;
  const scope = auditScopeOf(plan, context, flight.traits);
  const written = parts.audit.append(outcomeRecord(ending, scope, parts), scope.mode);
  if (plan !== undefined && plan.observers.length > 0) tellObservers(ending, plan, context);
  return written;
}

function tellObservers(ending: Ending, plan: Plan, context: PolicyContext): void {
  const { parts, shown, flight, end, durationMs } = ending;
  const live = plan.observers.filter((entry) => isLive(entry, context));
  if (live.length === 0) return;
  parts.observers.push(live, {
    context,
    decision: shown?.decision ?? flight.ruling.decision,
    phase: "outcome",
    ...(hasRun(end) && end.usage !== undefined && { usage: end.usage }),
    durationMs,
    isError: isFailed(end),
  });
}
