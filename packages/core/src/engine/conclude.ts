import { AgentplaneError } from "../base/errors.ts";
import { andThen, isThenable, type MaybePromise } from "../base/maybe-promise.ts";
import { callKeyOf, inputDigest } from "../context/call-key.ts";
import { inputOf } from "../context/create-context.ts";
import { isAfter } from "../context/hookpoint.ts";
import type { Decision } from "../decision/decision.ts";
import type { Ruling } from "../decision/decision-point.ts";
import { auditScopeOf, decisionRecord } from "./audit-records.ts";
import { buildDecision } from "./build-decision.ts";
import type { SessionEntry } from "../rules/session-view.ts";
import type { EngineParts } from "./engine-parts.ts";
import type { InFlightTable } from "./in-flight.ts";
import { recordLateShadow } from "./late-shadow.ts";
import type { Pass, Refusal } from "./pass.ts";
import { isLive, type Plan } from "./plan.ts";

/** Ends a pass: gives back what must not be held, remembers the call, writes its decision and the one record of it. */
export function conclude(pass: Pass, parts: EngineParts, inFlight: InFlightTable): MaybePromise<Ruling> {
  if (pass.joined !== undefined) return pass.joined.ruling;
  const decision = buildDecision(pass, parts.ports.ids.next("dec"), parts);
  const ruling: Ruling = { decision, context: pass.context, callKeys: callKeysOf(pass, parts) };
  if (pass.intent === "peek") return ruling;
  if (pass.lateShadow.length > 0) recordLateShadow(pass, decision, parts);
  const outer =
    pass.call.isJoined && pass.call.callKey !== undefined ? inFlight.byCallKey(pass.call.callKey) : undefined;
  if (outer !== undefined && decision.effect === "allow") {
    // Decided again inside its own admission: still the same admission, so its end stays the outer one's.
    return {
      ...outer.ruling,
      decision: { ...decision, id: outer.ruling.decision.id },
      context: pass.context,
    };
  }
  const isAdmitted = pass.intent === "admit" && decision.effect === "allow";
  if (isAdmitted && !isAfter(pass.context.hookpoint)) addFlight(pass, ruling, inFlight);
  const remembered = attempt(() =>
    andThen(isAdmitted || outer !== undefined ? undefined : releaseHolds(pass, parts), () =>
      remember(pass, parts, decision),
    ),
  );
  return andThen(remembered, (stateError) => {
    if (stateError !== undefined && mustStop(parts, "state", stateError) && isAdmitted) {
      return andThen(
        failClosed(pass, ruling, parts, {
          inFlight,
          refusal: isTakenOver(stateError.error) ? TAKEN_OVER : STATE_DOWN,
        }),
        (closed) =>
          andThen(
            attempt(() => record(pass, closed.decision, parts)),
            (auditError) => {
              if (auditError !== undefined) mustStop(parts, "audit", auditError);
              return closed;
            },
          ),
      );
    }
    // A call that waits for its approval is asked about again and again: that is one decision.
    if (decision.effect === "ask" && !inFlight.isFirstAsk(decision.approvalId)) return ruling;
    return andThen(
      attempt(() => record(pass, decision, parts)),
      (auditError) => {
        if (auditError === undefined || !mustStop(parts, "audit", auditError) || !isAdmitted) return ruling;
        return failClosed(pass, ruling, parts, { inFlight, refusal: AUDIT_DOWN });
      },
    );
  });
}

const STATE_DOWN: Refusal = {
  cause: "state_error",
  reason: "the state store does not answer, so nothing may run",
};
const TAKEN_OVER: Refusal = {
  cause: "in_flight",
  reason: "another decision has taken this call over; it runs only once",
};
const AUDIT_DOWN: Refusal = {
  cause: "audit_error",
  reason: "the decision cannot be recorded, so the call is blocked",
};

/** Runs work that may fail now or later; answers with the error instead of throwing it. */
function attempt(work: () => MaybePromise<void>): MaybePromise<{ readonly error: unknown } | undefined> {
  try {
    const done = work();
    if (!isThenable(done)) return undefined;
    return done.then(
      () => undefined,
      (error: unknown) => ({ error }),
    );
  } catch (error) {
    return { error };
  }
}

function isTakenOver(error: unknown): boolean {
  return error instanceof AgentplaneError && error.code === "call_taken_over";
}

function mustStop(
  { ports, settings }: EngineParts,
  what: "state" | "audit",
  { error }: { readonly error: unknown },
): boolean {
  ports.logger.error(`the ${what} failed while a decision was concluded`, {
    error: error instanceof Error ? error.message : "not an error",
  });
  // Two decisions for one call are no outage that could be passed over.
  if (isTakenOver(error)) return true;
  return what === "state" ? settings.onStateError === "block" : settings.onAuditError === "block";
}

function addFlight(pass: Pass, ruling: Ruling, inFlight: InFlightTable): void {
  inFlight.add({
    ruling,
    context: pass.context,
    traits: pass.traits,
    callKey: pass.call.callKey,
    reservationId: pass.call.reservationId,
    heldIds: pass.heldIds,
    limits: pass.limits,
    duties: pass.duties,
    startedMs: pass.startedMs,
  });
}

function releaseHolds(pass: Pass, parts: EngineParts, from = 0): MaybePromise<void> {
  const id = pass.heldIds[from];
  if (id === undefined) return;
  return andThen(parts.ledger.release(id), () => releaseHolds(pass, parts, from + 1));
}

/** Writes down where the call stands and what the session has seen. */
function remember(pass: Pass, parts: EngineParts, decision: Decision): MaybePromise<void> {
  const { context, call, intent } = pass;
  const isReplay = decision.cause === "in_flight" || decision.cause === "already_executed";
  // What was refused because of the call's own state must not change that state.
  if (isReplay || decision.cause === "unknown_outcome" || isAfter(context.hookpoint)) return;
  if (intent === "ask" && decision.effect === "allow") return;
  const advanced =
    call.callKey === undefined
      ? undefined
      : parts.admissions.advance(
          call.callKey,
          intent === "admit" && decision.effect === "allow" ? "admitted" : "asked",
          {
            nowMs: parts.nowMs(),
            decisionId: decision.id,
            reservationId: call.reservationId,
          },
        );
  return andThen(advanced, () => parts.sessions.append(context, entryOf(pass, decision, parts)));
}

function entryOf(pass: Pass, decision: Decision, parts: EngineParts): SessionEntry {
  const { context, traits } = pass;
  const name = context.tool?.name ?? context.model?.name ?? context.target?.name;
  const { callKey } = pass.call;
  const entry: { -readonly [Field in keyof SessionEntry]: SessionEntry[Field] } = {
    at: parts.nowMs(),
    hookpoint: context.hookpoint,
    agent: context.agent.id,
    effect: decision.effect,
    // As it was asked: rules look for repeats before anything is rewritten.
    inputDigest: context.tool === undefined ? "" : inputDigest(pass.asked, parts.ports.hash),
    isInFlight: pass.intent === "admit" && decision.effect === "allow",
    decisionId: decision.id,
  };
  if (name !== undefined) entry.name = name;
  if (traits?.access !== undefined) entry.access = traits.access;
  if (context.tool !== undefined) entry.isExternal = traits?.external !== false;
  if (callKey !== undefined) entry.callKey = callKey;
  return entry;
}

function record(pass: Pass, decision: Decision, parts: EngineParts): MaybePromise<void> {
  // An early question that is allowed decides nothing yet: its record is the admission's.
  if (pass.intent === "ask" && decision.effect === "allow") return;
  pass.plan ??= watchersOf(pass);
  const { plan } = pass;
  const scope = auditScopeOf(plan, pass.context, pass.traits);
  const written = parts.audit.append(decisionRecord(pass, decision, scope, parts), scope.mode);
  const observers = plan?.observers ?? [];
  if (observers.length > 0) {
    const live = observers.filter((entry) => isLive(entry, pass.context));
    parts.observers.push(live, { context: pass.context, decision, phase: "decision" });
  }
  return written;
}

/** Who watches calls also hears of one that was refused before anything matched; of an unplugged one nobody does. */
function watchersOf({ refusal, index, context }: Pass): Plan | undefined {
  return refusal?.cause === "unplugged" ? undefined : index.planFor(context);
}

/** Turns an allow that could not be made sure into a block: nothing held, nothing running. */
function failClosed(
  pass: Pass,
  ruling: Ruling,
  parts: EngineParts,
  { inFlight, refusal }: { inFlight: InFlightTable; refusal: Refusal },
): MaybePromise<Ruling> {
  inFlight.take(ruling.decision.id);
  pass.refusal = refusal;
  const decision = buildDecision(pass, ruling.decision.id, parts);
  const undone = attempt(() =>
    andThen(releaseHolds(pass, parts), () =>
      andThen(
        pass.call.callKey === undefined
          ? undefined
          : parts.admissions.advance(pass.call.callKey, "asked", {
              nowMs: parts.nowMs(),
              decisionId: decision.id,
              reservationId: pass.call.reservationId,
            }),
        () =>
          parts.sessions.complete(pass.context, decision.id, {
            effect: "block",
            durationMs: 0,
            isError: false,
          }),
      ),
    ),
  );
  return andThen(undone, (failure) => {
    if (failure !== undefined) mustStop(parts, "state", failure);
    return { ...ruling, decision };
  });
}

/** A second interception may see the input as it was rewritten: both forms name this one call. */
function callKeysOf({ call, context, asked }: Pass, { settings, ports }: EngineParts): readonly string[] {
  if (call.callKey === undefined) return NO_KEYS;
  if (context === asked || inputOf(context) === inputOf(asked)) return [call.callKey];
  const executed = callKeyOf(settings.planeId, context, ports.hash);
  return executed === undefined ? [call.callKey] : [call.callKey, executed];
}

const NO_KEYS: readonly string[] = Object.freeze([]);
