import { andThen, type MaybePromise } from "../base/maybe-promise.ts";
import { callKeyOf } from "../context/call-key.ts";
import type { CallEntry, EnterOptions } from "../state/admissions.ts";
import type { InFlight } from "./in-flight.ts";
import type { Pass } from "./pass.ts";
import type { Refusal } from "./refusal.ts";
import type { PipelineParts } from "./pipeline.ts";

/**
 * Finds out which call this is: a first attempt, a replay, a resume, a retry. A replay of what already ran is refused.
 */
export function enterCall(pass: Pass, parts: PipelineParts): MaybePromise<void> {
  const { intent } = pass;
  if (intent === "peek") return;
  const call = knownCall(pass, parts);
  if (call === undefined) return;
  const entered = parts.admissions.enter(call.callKey, intent, call);
  return andThen(entered, (entry) => enterAs(pass, parts, { entry, callKey: call.callKey }));
}

/** The same by what this process knows of the call without asking; it claims nothing. */
export function guessCall(pass: Pass, parts: PipelineParts): void {
  const call = knownCall(pass, parts);
  if (call === undefined || pass.once === undefined) return;
  const { kind } = parts.admissions.guess(call.callKey, call);
  if (call.carriedId === undefined && kind !== "refused" && kind !== "joined" && kind !== "resumed") return;
  pass.once.isFree = false;
  // Stops here: whether it is so is asked next.
  pass.refusal = refusals.in_flight;
}

interface KnownCall extends EnterOptions {
  readonly callKey: string;
}

/** How a call is known again, and that this pass is about it; undefined for one without an id. */
function knownCall(pass: Pass, parts: PipelineParts): KnownCall | undefined {
  const ownKey = callKeyOf(parts.settings.planeId, pass.context, parts.ports.hash);
  if (ownKey === undefined) return undefined;
  const { inFlight } = parts;
  const carried = parts.scope.current()?.callKeys ?? [];
  const carriedId =
    carried.includes(ownKey) && isSameCall(pass, inFlight.byCallKey(carried[0] ?? ""))
      ? carried[0]
      : undefined;
  const callKey = carriedId ?? ownKey;
  pass.call = { ...pass.call, callKey };
  return {
    callKey,
    ...(carriedId !== undefined && { carriedId }),
    nowMs: parts.nowMs(),
    holdTtlMs: parts.settings.holdTtlMs,
    isRead: pass.traits?.access === "read",
  };
}

function enterAs(
  pass: Pass,
  { inFlight }: PipelineParts,
  { entry, callKey }: { readonly entry: CallEntry; readonly callKey: string },
): void {
  if (entry.kind === "refused") {
    pass.refusal = refusals[entry.cause];
    return;
  }
  pass.call = {
    callKey,
    reservationId: entry.reservationId,
    attempt: entry.attempt,
    isJoined: entry.kind === "joined",
  };
  const running = entry.kind === "joined" ? inFlight.byCallKey(callKey) : undefined;
  // A remembered allow holds only while nothing changed; otherwise the call is decided again under the same holds.
  if (running?.ruling.decision.revision === pass.revision) pass.joined = running;
}

/** One id, input and name may still be another tool of another server, or another user's: that is another call. */
function isSameCall({ context }: Pass, running: InFlight | undefined): boolean {
  if (running === undefined) return false;
  const { tool, user } = running.context;
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
    reason: "an earlier attempt of this call ended without an outcome, so it may have happened",
    message: "It is unknown whether this action already happened. Check before trying again with a new call.",
  },
};
