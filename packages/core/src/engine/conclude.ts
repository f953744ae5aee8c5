import { andThen, andThenWith, isThenable, type MaybePromise } from "../base/maybe-promise.ts";
import { callKeyOf } from "../context/call-key.ts";
import { inputOf } from "../context/create-context.ts";
import { isAfter } from "../context/hookpoint.ts";
import type { Decision } from "../decision/decision.ts";
import type { InnerCall, Ruling } from "../decision/decision-point.ts";
import { auditScopeOf, decisionRecord } from "./audit-records.ts";
import { buildDecision } from "./build-decision.ts";
import type { EngineParts } from "./engine-parts.ts";
import {
  attempt,
  AUDIT_DOWN,
  failClosed,
  isTakenOver,
  mustStop,
  STATE_DOWN,
  TAKEN_OVER,
  undoLater,
  type Failure,
} from "./fail-closed.ts";
import type { InFlight, InFlightTable } from "./in-flight.ts";
import { recordLateShadow } from "./late-shadow.ts";
import type { Pass } from "./pass.ts";
import type { PipelineParts } from "./pipeline.ts";
import { isLive, type Plan } from "./plan.ts";
import type { Refusal } from "./refusal.ts";
import { giveBackApproval, releaseHolds, remember } from "./remember-call.ts";

/** Ends a pass: gives back what must not be held, remembers the call, writes its decision and the one record of it. */
export function conclude(pass: Pass, parts: PipelineParts): MaybePromise<Ruling> {
  const ruled = concluded(pass, parts);
  return pass.rare.inner === undefined ? ruled : andThenWith(ruled, asInner, pass.rare.inner);
}

function asInner(ruling: Ruling, inner: InnerCall): Ruling {
  if (ruling.decision.effect === "allow") return { ...ruling, inner };
  inner.end("again");
  return ruling;
}

function concluded(pass: Pass, parts: PipelineParts): MaybePromise<Ruling> {
  if (pass.rare.joined !== undefined) return pass.rare.joined.ruling;
  const ruling = rulingOf(pass, parts);
  const { decision } = ruling;
  if (pass.intent === "peek") return ruling;
  if (pass.rare.lateShadow.length > 0) recordLateShadow(pass, decision, parts);
  const outer = outerOf(pass, parts);
  if (outer !== undefined && decision.effect === "allow") {
    // Decided again inside its own admission: still the same admission, so its end stays the outer one's.
    return {
      ...outer.ruling,
      decision: { ...decision, id: outer.ruling.decision.id },
      context: pass.context,
    };
  }
  if (isAdmitted(pass, ruling) && !isAfter(pass.context.hookpoint)) addFlight(pass, ruling, parts.inFlight);
  const remembered = attempt(keep, pass, ruling, parts);
  return isThenable(remembered)
    ? keptLater(pass, ruling, { parts, remembered })
    : kept(pass, ruling, { parts, stateError: remembered });
}

/** Writes the decision of a pass that is through. */
export function rulingOf(pass: Pass, parts: EngineParts): Ruling {
  const decision = buildDecision(pass, parts.ports.ids.next("dec"), parts);
  return { decision, context: pass.context, callKeys: callKeysOf(pass, parts) };
}

function isAdmitted({ intent }: Pass, { decision }: Ruling): boolean {
  return intent === "admit" && decision.effect === "allow";
}

function outerOf({ call }: Pass, { inFlight }: PipelineParts): InFlight | undefined {
  return call.isJoined && call.callKey !== undefined ? inFlight.byCallKey(call.callKey) : undefined;
}

/** Gives back what was held for nothing, then writes down where the call stands. */
function keep(pass: Pass, ruling: Ruling, parts: PipelineParts): MaybePromise<void> {
  if (pass.rare.used !== undefined && !isAdmitted(pass, ruling))
    return andThen(giveBackApproval(pass, parts), () => keep(pass, ruling, parts));
  if (pass.heldIds.length === 0 || isAdmitted(pass, ruling) || outerOf(pass, parts) !== undefined)
    return remember(pass, parts, ruling.decision);
  return releaseThenRemember(pass, ruling, parts);
}

function releaseThenRemember(pass: Pass, { decision }: Ruling, parts: PipelineParts): MaybePromise<void> {
  return andThen(releaseHolds(pass, parts), () => remember(pass, parts, decision));
}

function keptLater(
  pass: Pass,
  ruling: Ruling,
  { parts, remembered }: { readonly parts: PipelineParts; readonly remembered: Promise<Failure> },
): Promise<Ruling> {
  return remembered.then((stateError) => kept(pass, ruling, { parts, stateError }));
}

/** Goes on once the state is written, or is known to have failed. */
export function kept(
  pass: Pass,
  ruled: Ruling,
  { parts, stateError }: { readonly parts: PipelineParts; readonly stateError: Failure },
): MaybePromise<Ruling> {
  if (stateError !== undefined && mustStop(parts, "state", stateError) && isAdmitted(pass, ruled))
    return stop(pass, ruled, parts, isTakenOver(stateError.error) ? TAKEN_OVER : STATE_DOWN);
  if (stateError !== undefined && pass.rare.used !== undefined && !isAdmitted(pass, ruled))
    undoLater(pass, ruled, parts);
  const ruling = stateError !== undefined && isAdmitted(pass, ruled) ? unsure(pass, ruled, parts) : ruled;
  // Found while the call was written into its session's history.
  if (pass.refusal !== undefined && isAdmitted(pass, ruling)) return stop(pass, ruling, parts, pass.refusal);
  const { decision } = ruling;
  // A call that waits for its approval is asked about again and again: that is one decision.
  if (decision.effect === "ask" && !parts.inFlight.isFirstAsk(decision.approvalId)) return ruling;
  const recorded = attempt(record, pass, ruling, parts);
  if (recorded === undefined) return ruling;
  return isThenable(recorded)
    ? recordedLater(pass, ruling, { parts, recorded })
    : stopForAudit(pass, ruling, parts, recorded);
}

/** Nothing of the call is counted or remembered, and its record says so. */
function unsure(pass: Pass, ruling: Ruling, parts: PipelineParts): Ruling {
  pass.isUnknown = true;
  return { ...ruling, decision: buildDecision(pass, ruling.decision.id, parts) };
}

function recordedLater(
  pass: Pass,
  ruling: Ruling,
  { parts, recorded }: { readonly parts: PipelineParts; readonly recorded: Promise<Failure> },
): Promise<Ruling> {
  return recorded.then((auditError) =>
    auditError === undefined ? ruling : stopForAudit(pass, ruling, parts, auditError),
  );
}

function stopForAudit(
  pass: Pass,
  ruling: Ruling,
  parts: PipelineParts,
  auditError: NonNullable<Failure>,
): MaybePromise<Ruling> {
  if (!mustStop(parts, "audit", auditError) || !isAdmitted(pass, ruling)) return ruling;
  return failClosed(pass, ruling, parts, AUDIT_DOWN);
}

function stop(pass: Pass, ruling: Ruling, parts: PipelineParts, refusal: Refusal): MaybePromise<Ruling> {
  return andThen(failClosed(pass, ruling, parts, refusal), (closed) =>
    andThen(attempt(record, pass, closed, parts), (auditError) => {
      if (auditError !== undefined) mustStop(parts, "audit", auditError);
      return closed;
    }),
  );
}

/** Awaits the end of an admission from now on. */
export function addFlight(pass: Pass, ruling: Ruling, inFlight: InFlightTable): void {
  inFlight.add({
    ruling,
    traits: pass.traits,
    call: pass.call,
    heldIds: pass.heldIds,
    limits: pass.limits,
    duties: pass.duties,
    used: pass.rare.used,
    startedMs: pass.startedMs,
  });
}

function record(pass: Pass, { decision }: Ruling, parts: EngineParts): MaybePromise<void> {
  // An early question that is allowed decides nothing yet: its record is the admission's.
  if (pass.intent === "ask" && decision.effect === "allow") return;
  pass.plan ??= watchersOf(pass);
  const { plan } = pass;
  const scope = auditScopeOf(plan, pass.context, pass.traits);
  const { tool } = pass.context;
  if (pass.traits === undefined && tool !== undefined && scope.mode === "buffered")
    parts.undeclared?.(tool.name);
  const written = parts.audit.append(decisionRecord(pass, decision, scope, parts), scope.mode);
  if (plan !== undefined && plan.observers.length > 0) tellObservers(pass, plan, parts, decision);
  return written;
}

function tellObservers({ context }: Pass, plan: Plan, parts: EngineParts, decision: Decision): void {
  const live = plan.observers.filter((entry) => isLive(entry, context));
  parts.observers.push(live, { context, decision, phase: "decision" });
}

/** Who watches calls also hears of one that was refused before anything matched; of an unplugged one nobody does. */
function watchersOf({ refusal, index, context }: Pass): Plan | undefined {
  return refusal?.cause === "unplugged" ? undefined : index.planFor(context);
}

/** A second interception may see the input as it was rewritten: both forms name this one call. */
function callKeysOf({ call, context, asked }: Pass, { settings, ports }: EngineParts): readonly string[] {
  if (call.callKey === undefined) return NO_KEYS;
  const keys = call.alsoKnownAs === undefined ? [call.callKey] : [call.callKey, ...call.alsoKnownAs];
  if (context === asked || inputOf(context) === inputOf(asked)) return keys;
  const executed = callKeyOf(settings.planeId, context, ports.hash);
  return executed === undefined ? keys : [...keys, executed];
}

const NO_KEYS: readonly string[] = Object.freeze([]);
