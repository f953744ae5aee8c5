import type { PolicyContext } from "../context/context.ts";
import type { Ruling } from "../decision/decision-point.ts";
import type { ToolTraits } from "../policy/traits.ts";
import type { BoundLimit } from "./bind-limits.ts";
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
  readonly limits: readonly BoundLimit[];
  readonly duties: readonly OwnedObligation[];
  readonly startedMs: number;
}

/** The admissions of this process, by decision and by call key. */
export interface InFlightTable {
  add(flight: InFlight): void;
  /** Takes an admission out: its end happens exactly once. */
  take(decisionId: string): InFlight | undefined;
  get(decisionId: string): InFlight | undefined;
  byCallKey(callKey: string): InFlight | undefined;
}

/** Creates an empty table. */
export function createInFlightTable(): InFlightTable {
  const byDecision = new Map<string, InFlight>();
  const byKey = new Map<string, InFlight>();
  return {
    add(flight) {
      byDecision.set(flight.ruling.decision.id, flight);
      if (flight.callKey !== undefined) byKey.set(flight.callKey, flight);
    },
    take(decisionId) {
      const flight = byDecision.get(decisionId);
      if (flight === undefined) return undefined;
      byDecision.delete(decisionId);
      if (flight.callKey !== undefined && byKey.get(flight.callKey) === flight) byKey.delete(flight.callKey);
      return flight;
    },
    get: (decisionId) => byDecision.get(decisionId),
    byCallKey: (callKey) => byKey.get(callKey),
  };
}
