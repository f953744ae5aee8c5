import { andThen, type MaybePromise } from "../base/maybe-promise.ts";
import { inputDigest } from "../context/call-key.ts";
import { isAfter } from "../context/hookpoint.ts";
import type { Decision } from "../decision/decision.ts";
import type { SessionEntry } from "../rules/session-view.ts";
import { newEntry } from "../state/session-entry.ts";
import type { EngineParts } from "./engine-parts.ts";
import { setRare, type Pass } from "./pass.ts";
import { refuseLate } from "./step-session.ts";

/** Writes down where a decided call stands, and what its session has seen. */
export function remember(pass: Pass, parts: EngineParts, decision: Decision): MaybePromise<void> {
  const { context, call, intent } = pass;
  const isReplay = decision.cause === "in_flight" || decision.cause === "already_executed";
  // What was refused because of the call's own state must not change that state.
  if (isReplay || decision.cause === "unknown_outcome" || isAfter(context.hookpoint)) return;
  if (intent === "ask" && decision.effect === "allow") return;
  return call.callKey === undefined
    ? append(pass, parts, entryOf(pass, decision, parts))
    : rememberCall(pass, parts, { decision, callKey: call.callKey });
}

function rememberCall(
  pass: Pass,
  parts: EngineParts,
  { decision, callKey }: { readonly decision: Decision; readonly callKey: string },
): MaybePromise<void> {
  const state = pass.intent === "admit" && decision.effect === "allow" ? "admitted" : "asked";
  const { reservationId, untilMs } = pass.call;
  const isQuestion = decision.effect === "ask";
  const info = { nowMs: parts.nowMs(), decisionId: decision.id, reservationId, untilMs, isQuestion };
  return andThen(parts.admissions.advance(callKey, state, info), () =>
    append(pass, parts, entryOf(pass, decision, parts)),
  );
}

/** A call that goes on for what its history does not show is added to that very history, or judged again. */
function append(pass: Pass, parts: EngineParts, entry: SessionEntry): MaybePromise<void> {
  const seen = entry.isInFlight && pass.plan?.needsSession === true ? pass.session : undefined;
  const added = parts.sessions.append(pass.context, entry, seen);
  if (added !== true) return appendedLater(pass, parts, { entry, added });
}

function appendedLater(
  pass: Pass,
  parts: EngineParts,
  { entry, added }: { readonly entry: SessionEntry; readonly added: MaybePromise<boolean> },
): MaybePromise<void> {
  return andThen(added, (isAdded) => (isAdded ? undefined : judgeAgain(pass, parts, entry)));
}

/** Another call of the session came first: parallel calls that a store keeps apart must see each other all the same. */
function judgeAgain(pass: Pass, parts: EngineParts, entry: SessionEntry): MaybePromise<void> {
  return andThen(refuseLate(pass, parts), () =>
    append(
      pass,
      parts,
      pass.refusal === undefined ? entry : { ...entry, effect: "block", isInFlight: false },
    ),
  );
}

/** What a session's history says of a decided call. */
export function entryOf(pass: Pass, decision: Decision, parts: EngineParts): SessionEntry {
  const { context, traits } = pass;
  const { tool } = context;
  const name = tool?.name ?? context.model?.name ?? context.target?.name;
  const { callKey } = pass.call;
  const entry = newEntry(parts.nowMs(), context, decision);
  // As it was asked: rules look for repeats before anything is rewritten.
  if (tool !== undefined) entry.inputDigest = inputDigest(pass.asked, parts.ports.hash);
  entry.isInFlight = pass.intent === "admit" && decision.effect === "allow";
  if (name !== undefined) entry.name = name;
  if (traits?.access !== undefined) entry.access = traits.access;
  if (tool !== undefined) {
    entry.isExternal = traits?.external !== false;
    if (tool.server !== undefined) entry.server = tool.server;
    if (tool.originalName !== undefined) entry.originalName = tool.originalName;
  }
  if (callKey !== undefined) entry.callKey = callKey;
  return entry;
}

/** Gives back what a human has allowed to a pass that is refused after all. */
export function giveBackApproval(pass: Pass, { approvals }: EngineParts): MaybePromise<void> {
  const { used } = pass.rare;
  if (used === undefined) return;
  return andThen(approvals.giveBack(used), () => setRare(pass, { used: undefined }));
}

/**
 * Gives back everything that a pass holds, each once: under the same id another pass may hold for the call from then on. So
 * it may where this one's claim has lapsed, as that of a process that stood still; then its time has ended its holds too.
 */
export function releaseHolds(pass: Pass, parts: EngineParts): MaybePromise<void> {
  const [id, ...others] = pass.heldIds;
  if (id === undefined || parts.nowMs() >= (pass.call.untilMs ?? Infinity)) return;
  return andThen(parts.ledger.release(id), () => {
    pass.heldIds = others;
    return releaseHolds(pass, parts);
  });
}
