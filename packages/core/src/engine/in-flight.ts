import { ChurnMap } from "../base/churn-map.ts";
import type { Ruling } from "../decision/decision-point.ts";
import type { ToolTraits } from "../policy/traits.ts";
import type { ApprovalUse } from "../state/approval.ts";
import type { BoundLimits } from "./bound-limit.ts";
import type { CallState } from "./call-state.ts";
import type { OwnedObligation } from "./owned-obligation.ts";

/** An admission whose end is awaited. */
export interface InFlight {
  /** Its context is the call as it is executed. */
  readonly ruling: Ruling;
  readonly traits: ToolTraits | undefined;
  /** As it was entered. */
  readonly call: CallState;
  readonly heldIds: readonly string[];
  readonly limits: BoundLimits;
  readonly duties: readonly OwnedObligation[];
  /** What a human has allowed; mostly nothing. */
  readonly used: ApprovalUse | undefined;
  readonly startedMs: number;
}

/** The admissions of this process, by decision and by call key. */
export interface InFlightTable {
  add(flight: InFlight): void;
  /** Takes an admission out: its end happens exactly once. */
  take(decisionId: string): InFlight | undefined;
  get(decisionId: string): InFlight | undefined;
  byCallKey(callKey: string): InFlight | undefined;
  /** Notes a sign of life. */
  touch(decisionId: string): void;
  /**
   * Looks whether a call has given no sign of life for as long as holds last; one that has not is kept for a late end.
   * @returns The call, the first time.
   */
  lapse(decisionId: string): InFlight | undefined;
  /** How many calls have fallen silent so far. */
  readonly lapses: number;
  /** Whether this approval request was not seen waiting before. */
  isFirstAsk(approvalId: string | undefined): boolean;
}

/** Admissions are looked through for abandoned ones whenever so many more have come. */
const SWEEP_EVERY = 1_024;
const MAX_REMEMBERED_ASKS = 10_000;
/** Who only ever admits must not fill the memory. */
const MAX_LAPSED = 10_000;

/**
 * Creates an empty table.
 * @param elapsedMs A clock that never goes back.
 * @param holdTtlMs How long holds last. An admission without a sign of life for twice so long was never ended by whoever
 *   asked for it, and is forgotten here too, unless somebody looks after it.
 */
export function createInFlightTable(elapsedMs: () => number, holdTtlMs: number): InFlightTable {
  const byDecision = new ChurnMap<InFlight>();
  const byKey = new Map<string, InFlight>();
  const aliveMs = new Map<string, number>();
  const lapsed = new Map<string, InFlight>();
  const asks = new Set<string>();
  let added = 0;
  let lapses = 0;
  const silentMs = (decisionId: string, { startedMs }: InFlight): number =>
    elapsedMs() - (aliveMs.get(decisionId) ?? startedMs);
  const forget = (decisionId: string, flight: InFlight): void => {
    byDecision.delete(decisionId);
    if (lapsed.size > 0) lapsed.delete(decisionId);
    if (aliveMs.size > 0) aliveMs.delete(decisionId);
    const { callKey } = flight.call;
    if (callKey !== undefined && byKey.get(callKey) === flight) byKey.delete(callKey);
  };
  const sweep = (): void => {
    byDecision.forEach((flight, decisionId) => {
      if (silentMs(decisionId, flight) > 2 * holdTtlMs && !lapsed.has(decisionId)) forget(decisionId, flight);
    });
  };
  return {
    add(flight) {
      if (++added % SWEEP_EVERY === 0) sweep();
      byDecision.set(flight.ruling.decision.id, flight);
      if (flight.call.callKey !== undefined) byKey.set(flight.call.callKey, flight);
    },
    take(decisionId) {
      const flight = byDecision.get(decisionId);
      if (flight === undefined) return undefined;
      forget(decisionId, flight);
      return flight;
    },
    get: (decisionId) => byDecision.get(decisionId),
    byCallKey: (callKey) => byKey.get(callKey),
    touch(decisionId) {
      const flight = byDecision.get(decisionId);
      if (flight === undefined) return;
      aliveMs.set(decisionId, elapsedMs());
      // Silent no more, it is the newest of those that were.
      if (lapsed.delete(decisionId)) lapsed.set(decisionId, flight);
    },
    lapse(decisionId) {
      const flight = byDecision.get(decisionId);
      if (flight === undefined || lapsed.has(decisionId) || silentMs(decisionId, flight) < holdTtlMs)
        return undefined;
      lapses++;
      lapsed.set(decisionId, flight);
      for (const [oldestId, oldest] of lapsed) {
        if (lapsed.size <= MAX_LAPSED) break;
        forget(oldestId, oldest);
      }
      return flight;
    },
    get lapses() {
      return lapses;
    },
    isFirstAsk(approvalId) {
      if (approvalId === undefined) return true;
      if (asks.has(approvalId)) return false;
      if (asks.size >= MAX_REMEMBERED_ASKS) asks.clear();
      asks.add(approvalId);
      return true;
    },
  };
}
