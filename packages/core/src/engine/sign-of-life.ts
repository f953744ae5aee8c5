import { errorText } from "../base/error-text.ts";
import { andThen, isThenable, type MaybePromise } from "../base/maybe-promise.ts";
import { msSince } from "../base/ms-since.ts";
import { auditScopeOf, outcomeRecord } from "./audit-records.ts";
import type { EngineParts } from "./engine-parts.ts";
import type { InFlight, InFlightTable } from "./in-flight.ts";
import { inTurn } from "./settle.ts";

type SignParts = EngineParts & { readonly inFlight: InFlightTable };

/** Keeps a running call and all that it holds alive for the time of a hold. */
export function renewCall(decisionId: string, parts: SignParts): MaybePromise<void> {
  const flight = parts.inFlight.get(decisionId);
  if (flight === undefined) return;
  parts.inFlight.touch(decisionId);
  const { callKey } = flight.call;
  const known = callKey && parts.admissions.renew(callKey, { decisionId, nowMs: parts.nowMs() });
  return andThen(known, () =>
    inTurn(flight.heldIds, (id) => parts.ledger.renew(id, parts.settings.holdTtlMs)),
  );
}

/**
 * Lets the holds of a call run out of which nothing is known, and records that once they have. The ledger has charged them
 * then, or given them back, so the trail says why.
 * @returns Whether the call is still known.
 */
export function lapseCall(decisionId: string, parts: SignParts): boolean {
  const flight = parts.inFlight.lapse(decisionId);
  if (flight !== undefined) recordLapse(flight, parts);
  return flight !== undefined || parts.inFlight.get(decisionId) !== undefined;
}

const SILENT =
  "a call that guard.admit() admitted was not completed, released or suspended within holdTtl: what it held is charged or " +
  "given back, as its limits say; end every admission, and tell guard.renew() of one that takes longer";

const NOBODY_KNOWS = { end: undefined, shown: undefined, judging: undefined };

function recordLapse(flight: InFlight, parts: SignParts): void {
  const { context } = flight.ruling;
  const durationMs = msSince(parts.ports.clock, flight.startedMs);
  const facts = { flight, status: "unsettled", durationMs, ...NOBODY_KNOWS } as const;
  const scope = auditScopeOf(undefined, context, flight.traits);
  if (parts.inFlight.lapses === 1) parts.ports.logger.warn(SILENT, { hookpoint: context.hookpoint });
  const written = parts.audit.append(outcomeRecord(facts, scope, parts), scope.mode);
  if (!isThenable(written)) return;
  written.catch((error: unknown) =>
    parts.ports.logger.error("the record of an unsettled call failed", { error: errorText(error) }),
  );
}
