import { andThen, type MaybePromise } from "../base/maybe-promise.ts";
import { callKeyOf } from "../context/call-key.ts";
import type { CallEntry } from "../state/admissions.ts";
import type { CarriedAdmission } from "./engine-parts.ts";
import type { InFlight } from "./in-flight.ts";
import { InnerCalls } from "./inner-calls.ts";
import { setRare, type Pass } from "./pass.ts";
import type { Refusal } from "./refusal.ts";
import type { PipelineParts } from "./pipeline.ts";

/**
 * Finds out which call this is: a first attempt, a replay, a resume, a retry. A replay of what already ran is refused.
 */
export function enterCall(pass: Pass, parts: PipelineParts): MaybePromise<void> {
  if (pass.intent === "peek") return;
  const known = knownCall(pass, parts);
  if (known === undefined) return;
  const as = known.around === undefined ? outermost(known.ownKey) : innerCall(pass, known.around);
  return as && enterAs(pass, parts, as);
}

/** The same by what this process knows of the call without asking; it claims nothing. */
export function guessCall(pass: Pass, parts: PipelineParts): void {
  const known = knownCall(pass, parts);
  if (known === undefined || pass.rare.once === undefined) return;
  const { ownKey, around } = known;
  const kind = around === undefined ? parts.admissions.guess(ownKey, optionsOf(pass, parts)).kind : "joined";
  if (kind !== "refused" && kind !== "joined" && kind !== "resumed") return;
  pass.rare.once.isFree = false;
  // Stops here: whether it is so is asked next.
  pass.refusal = refusals.in_flight;
}

interface KnownCall {
  readonly ownKey: string;
  /** The admission of this very call, where this code runs inside it. */
  readonly around: CarriedAdmission | undefined;
}

/** How a call is known again, and that this pass is about it; undefined for one without an id. */
export function knownCall(pass: Pass, parts: PipelineParts): KnownCall | undefined {
  const ownKey = callKeyOf(parts.settings.planeId, pass.context, parts.ports.hash);
  if (ownKey === undefined) return undefined;
  const carried = parts.scope.current();
  const isInside = carried?.callKeys.includes(ownKey) === true && isSameCall(pass, flightOf(carried, parts));
  const around = isInside ? carried : undefined;
  pass.call = { ...pass.call, callKey: around?.callKeys[0] ?? ownKey };
  return { ownKey, around };
}

function flightOf({ callKeys }: CarriedAdmission, { inFlight }: PipelineParts): InFlight | undefined {
  const callKey = callKeys[0];
  return callKey === undefined ? undefined : inFlight.byCallKey(callKey);
}

/** What a call is entered as. */
interface EnteredAs {
  readonly callKey: string;
  readonly isJoined: boolean;
  /** Of an attempt inside the call's own admission. */
  readonly attempt?: number;
  readonly alsoKnownAs?: readonly string[];
}

function outermost(callKey: string): EnteredAs {
  return { callKey, isJoined: false };
}

/** Another layer's interception of the call that runs around it; undefined for a repeat, which is refused. */
function innerCall(pass: Pass, around: CarriedAdmission): EnteredAs | undefined {
  const { callKeys, layers } = around;
  around.inner ??= new InnerCalls(callKeys[0] ?? "", layers);
  const entry = around.inner.enter(pass.call.reservationId);
  if (typeof entry === "string") {
    pass.refusal = refusals[entry];
    return undefined;
  }
  if (pass.intent === "admit") setRare(pass, { inner: around.inner.take(entry) });
  return { ...entry, alsoKnownAs: callKeys };
}

function enterAs(pass: Pass, parts: PipelineParts, as: EnteredAs): MaybePromise<void> {
  if (pass.intent === "peek") return;
  const { callKey, isJoined } = as;
  pass.call = { ...pass.call, callKey };
  const options = { ...optionsOf(pass, parts), ...(isJoined && { carriedId: callKey }) };
  const entered = parts.admissions.enter(callKey, pass.intent, options);
  return andThen(entered, (entry) => knowAs(pass, parts, { entry, as }));
}

function optionsOf({ traits }: Pass, { settings, nowMs }: PipelineParts) {
  return { nowMs: nowMs(), holdTtlMs: settings.holdTtlMs, isRead: traits?.access === "read" };
}

function knowAs(
  pass: Pass,
  { inFlight }: PipelineParts,
  { entry, as: { callKey, attempt: innerAttempt = 1, alsoKnownAs } }: { entry: CallEntry; as: EnteredAs },
): void {
  if (entry.kind === "refused") {
    pass.refusal = refusals[entry.cause];
    return;
  }
  const isJoined = entry.kind === "joined";
  const { reservationId, untilMs } = entry;
  const attempt = Math.max(entry.attempt, innerAttempt);
  pass.call = { callKey, reservationId, attempt, isJoined, untilMs, ...(alsoKnownAs && { alsoKnownAs }) };
  const running = isJoined ? inFlight.byCallKey(callKey) : undefined;
  // A remembered allow holds only while nothing changed; otherwise the call is decided again under the same holds.
  if (running?.ruling.decision.revision === pass.revision) setRare(pass, { joined: running });
}

/** One id, input and name may still be another tool of another server, or another user's: that is another call. */
function isSameCall({ context }: Pass, running: InFlight | undefined): boolean {
  if (running === undefined) return false;
  const { tool, user } = running.ruling.context;
  return (
    user === context.user &&
    tool?.server === context.tool?.server &&
    tool?.originalName === context.tool?.originalName &&
    tool?.pin === context.tool?.pin
  );
}

const refusals: Readonly<Record<"in_flight" | "already_executed" | "unknown_outcome", Refusal>> = {
  in_flight: {
    cause: "in_flight",
    reason: "this very call is already running elsewhere",
    message: "This call is already running. Wait for its result instead of repeating it.",
  },
  already_executed: {
    cause: "already_executed",
    reason: "this very call was already executed; a replay does not run it again",
    message: "This call was already executed. Use its earlier result.",
  },
  unknown_outcome: {
    cause: "unknown_outcome",
    reason: "an earlier attempt of this call has no outcome, so it may have happened",
    message: "It is unknown whether this action already happened. Check before trying again with a new call.",
  },
};
