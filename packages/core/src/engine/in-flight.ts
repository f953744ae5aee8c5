import { ChurnMap } from "../base/churn-map.ts";
import type { PolicyContext } from "../context/context.ts";
import type { Ruling } from "../decision/decision-point.ts";
import type { ToolTraits } from "../policy/traits.ts";
import type { ApprovalUse } from "../state/approval.ts";
import type { BoundLimits } from "./bound-limit.ts";
import type { OwnedObligation } from "./owned-obligation.ts";

/** An admission whose end is awaited. */
export interface InFlight {
  readonly ruling: Ruling;
  /** As executed. */
  readonly context: PolicyContext;
  readonly traits: ToolTraits | undefined;
  readonly callKey: string | undefined;
  /** The one under which the call was entered. */
  readonly reservationId: string;
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
  /** Whether this approval request was not seen waiting before. */
  isFirstAsk(approvalId: string | undefined): boolean;
}

/** Admissions are looked through for abandoned ones whenever so many more have come. */
const SWEEP_EVERY = 1_024;
const MAX_REMEMBERED_ASKS = 10_000;

/**
 * Creates an empty table.
 * @param elapsedMs A clock that never goes back.
 * @param abandonedMs An admission without a sign of life for so long was never ended by whoever asked for it: its holds
 *   have expired, and it is forgotten here too.
 */
export function createInFlightTable(elapsedMs: () => number, abandonedMs: number): InFlightTable {
  const byDecision = new ChurnMap<InFlight>();
  const byKey = new Map<string, InFlight>();
  const aliveMs = new Map<string, number>();
  const asks = new Set<string>();
  let added = 0;
  const forget = (decisionId: string, flight: InFlight): void => {
    byDecision.delete(decisionId);
    if (aliveMs.size > 0) aliveMs.delete(decisionId);
    if (flight.callKey !== undefined && byKey.get(flight.callKey) === flight) byKey.delete(flight.callKey);
  };
  const sweep = (): void => {
    const deadlineMs = elapsedMs() - abandonedMs;
    byDecision.forEach((flight, decisionId) => {
      if ((aliveMs.get(decisionId) ?? flight.startedMs) < deadlineMs) forget(decisionId, flight);
    });
  };
  return {
    add(flight) {
      if (++added % SWEEP_EVERY === 0) sweep();
      byDecision.set(flight.ruling.decision.id, flight);
      if (flight.callKey !== undefined) byKey.set(flight.callKey, flight);
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
      if (byDecision.get(decisionId) !== undefined) aliveMs.set(decisionId, elapsedMs());
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
