import { assertNever } from "../base/assert-never.ts";
import type { Intent } from "../decision/decision.ts";
import { heldAsOf, questionOf, reservationIdOf, type CallRecord } from "./call-record.ts";

/** Who asks, when and how. */
export interface EnterOptions {
  /** The call key that this very execution carries, if it runs inside an admission. */
  readonly carriedId?: string;
  readonly nowMs: number;
  /** How long an admission is believed without a sign of life. */
  readonly holdTtlMs: number;
  /** The call only reads: running it again after a crash does no harm. */
  readonly isRead?: boolean;
}

/** Which call this is. */
export type CallEntry =
  | {
      /** Never seen · asked about before · control flow came back · the attempt before failed · runs inside itself. */
      readonly kind: "fresh" | "again" | "resumed" | "retry" | "joined";
      /** What holds are taken under; kept by a resumed call, new for every attempt. */
      readonly reservationId: string;
      readonly attempt: number;
      /** With a claim: until then the call is surely its own. */
      readonly untilMs?: number;
      /** With `joined`: the admission in force. */
      readonly decisionId?: string;
    }
  | { readonly kind: "refused"; readonly cause: "in_flight" | "already_executed" | "unknown_outcome" };

/** An operator's choice for calls whose outcome a crash has taken away. */
export type OnUnknownOutcome = "block" | "rerun";

/** What an intent means for a call as it stands, and what it stands at from then on. */
export interface Entering {
  readonly entry: CallEntry;
  readonly next: CallRecord | undefined;
}

/**
 * Enters a call, as semantics.md §4 tells its states.
 * @param old Where the call stands; undefined when nothing is known of it.
 * @param how The call's key, the time, and what this execution carries.
 */
export function enter(
  old: CallRecord | undefined,
  intent: Exclude<Intent, "peek">,
  how: EnterOptions & { readonly callKey: string; readonly onUnknownOutcome: OnUnknownOutcome },
): Entering {
  const go = intent === "ask" ? question : claim;
  const standing = old === undefined ? undefined : settled(old, how.nowMs);
  if (standing === undefined) return go(old, { kind: "fresh", attempt: old?.attempt ?? 1 }, how);
  const { state, attempt } = standing;
  switch (state) {
    case "asked":
      return go(old, { kind: "again", attempt }, how);
    case "suspended":
      return go(old, { kind: "resumed", attempt, heldAs: standing.heldAs }, how);
    case "failed":
      return go(old, { kind: "retry", attempt: attempt + 1 }, how);
    case "entering":
      return refused("in_flight", old);
    case "done":
      return refused("already_executed", old);
    case "admitted": {
      if (how.carriedId === how.callKey) return joined(standing, how.callKey);
      if (how.nowMs < (standing.untilMs ?? 0)) return refused("in_flight", old);
      const mayRerun = how.onUnknownOutcome === "rerun" && how.isRead === true;
      return mayRerun
        ? go(old, { kind: "retry", attempt: attempt + 1 }, how)
        : refused("unknown_outcome", old);
    }
    default:
      return assertNever(state, "call state");
  }
}

/** A human is asked about a call by someone else than a policy; of one that is on its way, or has run, nothing changes. */
export function noted(old: CallRecord | undefined, nowMs: number): CallRecord {
  const standing = old && settled(old, nowMs);
  const isOpen = standing === undefined || standing.state === "asked";
  return old === undefined || isOpen
    ? { state: "asked", attempt: standing?.attempt ?? 1, isQuestion: true }
    : old;
}

/** Whether a human was asked about a call that nothing has come of yet. */
export function isOpenQuestion(old: CallRecord | undefined, nowMs: number): boolean {
  const standing = old && settled(old, nowMs);
  return standing?.state === "asked" && standing.isQuestion === true;
}

interface Going {
  readonly kind: "fresh" | "again" | "resumed" | "retry";
  readonly attempt: number;
  readonly heldAs?: string | undefined;
}

const CAME_FROM = { fresh: "nothing", again: "asked", resumed: "suspended", retry: "nothing" } as const;

/** A binding decision claims the call. */
function claim(
  old: CallRecord | undefined,
  { kind, attempt, heldAs }: Going,
  { callKey, nowMs, holdTtlMs }: EnterOptions & { readonly callKey: string },
): Entering {
  const untilMs = nowMs + holdTtlMs;
  return {
    entry: { kind, reservationId: reservationIdOf(callKey, { attempt, heldAs }), attempt, untilMs },
    next: {
      state: "entering",
      attempt,
      from: CAME_FROM[kind],
      untilMs,
      ...(kind === "again" && questionOf(old)),
      ...(heldAs !== undefined && { heldAs }),
    },
  };
}

/**
 * An early question claims nothing: the execution may come much later, or never. Nor does it speak for a claim of the
 * same attempt; only a resumed call is asked about under the holds that it keeps.
 */
function question(
  old: CallRecord | undefined,
  { kind, attempt, heldAs }: Going,
  { callKey }: { readonly callKey: string },
): Entering {
  const heldId = reservationIdOf(callKey, { attempt, heldAs });
  return { entry: { kind, reservationId: kind === "resumed" ? heldId : `${heldId}?`, attempt }, next: old };
}

function joined(record: CallRecord, callKey: string): Entering {
  const { attempt, decisionId } = record;
  const reservationId = reservationIdOf(callKey, record);
  const entry = {
    kind: "joined",
    reservationId,
    attempt,
    ...(decisionId !== undefined && { decisionId }),
  } as const;
  return { entry, next: record };
}

/** A claim whose process is gone decided nothing: the call stands where it stood before. */
function settled(record: CallRecord, nowMs: number): CallRecord | undefined {
  const { state, from, attempt, untilMs } = record;
  if (state !== "entering" || nowMs < (untilMs ?? 0)) return record;
  return from === undefined || from === "nothing"
    ? undefined
    : { state: from, attempt, ...questionOf(record), ...heldAsOf(record) };
}

/**
 * Admits a call whose claim and decision are written at once. What it holds is under an id of its own: an attempt whose
 * answer is lost is given back by that id, and must not give back what another one has taken for the same call.
 * @param info The decision, and the id that its holds are under.
 * @returns The call as it is from then on; undefined when it needs a claim first, or is refused.
 */
export function admitted(
  old: CallRecord | undefined,
  how: EnterOptions & { readonly callKey: string; readonly onUnknownOutcome: OnUnknownOutcome },
  { decisionId, reservationId }: Pick<AdvanceInfo, "decisionId" | "reservationId">,
): CallRecord | undefined {
  const { entry } = enter(old, "admit", how);
  // A resumed call goes on under what it holds, which another one may have come to hold meanwhile.
  if (entry.kind === "refused" || entry.kind === "joined" || entry.kind === "resumed") return undefined;
  const { attempt } = entry;
  const untilMs = how.nowMs + how.holdTtlMs;
  return { state: "admitted", attempt, decisionId, untilMs, heldAs: reservationId };
}

/** What an admission's way brings. */
export interface AdvanceInfo {
  readonly nowMs: number;
  readonly decisionId: string;
  /** The pass's reservation: the one that `enter` answered with. */
  readonly reservationId: string;
  /** With a claim: its own, as `enter` answered; one that came after it has another. */
  readonly untilMs?: number | undefined;
  /** Whether a human is asked. */
  readonly isQuestion?: boolean;
}

/**
 * Moves a call on. Only who holds the call moves it: the claim that decides it, then the admission in force; anyone
 * else's report changes nothing, so that a late or foreign one cannot make a finished call run again.
 */
export function advance(
  old: CallRecord | undefined,
  to: Exclude<CallRecord["state"], "entering">,
  info: AdvanceInfo & { readonly callKey: string; readonly holdTtlMs: number },
): CallRecord | undefined {
  const attempt = old?.attempt ?? 1;
  if (!mayMove(old, to, info)) return old;
  switch (to) {
    case "admitted":
      return {
        state: to,
        attempt,
        decisionId: info.decisionId,
        untilMs: info.nowMs + info.holdTtlMs,
        ...heldAsOf(old),
      };
    case "asked":
      return { state: to, attempt, ...(info.isQuestion === true ? { isQuestion: true } : questionOf(old)) };
    case "suspended":
      return { state: to, attempt, ...heldAsOf(old) };
    case "failed":
    case "done":
      return { state: to, attempt };
    default:
      return assertNever(to, "call state");
  }
}

function mayMove(
  old: CallRecord | undefined,
  to: CallRecord["state"],
  info: AdvanceInfo & { readonly callKey: string },
): boolean {
  if (old === undefined) return true;
  switch (old.state) {
    case "entering":
      return old.untilMs === info.untilMs && reservationIdOf(info.callKey, old) === info.reservationId;
    case "admitted":
      return old.decisionId === info.decisionId;
    case "asked":
      return to === "asked";
    case "suspended":
    case "failed":
    case "done":
      return false;
    default:
      return assertNever(old.state, "call state");
  }
}

function refused(
  cause: "in_flight" | "already_executed" | "unknown_outcome",
  old: CallRecord | undefined,
): Entering {
  return { entry: { kind: "refused", cause }, next: old };
}
