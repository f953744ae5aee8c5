import { listOf } from "../base/list-of.ts";
import { andThen, type MaybePromise } from "../base/maybe-promise.ts";
import { isCompleteUsage, type Usage } from "../base/model-costs.ts";
import type { CallEnd, Ruling } from "../decision/decision-point.ts";
import type { LimitDeclaration } from "../rules/rule.ts";
import type { LedgerStore } from "../store/state-store.ts";
import type { EngineParts } from "./engine-parts.ts";
import type { InFlight, InFlightTable } from "./in-flight.ts";

/** How a call ended that ran. */
export type RunEnd = Extract<CallEnd, { status: "ran" | "failed" }>;

/** Whether a call ran, as far as anybody knows. */
export function hasRun(end: CallEnd | undefined): end is RunEnd {
  return end !== undefined && (end.status === "ran" || end.status === "failed");
}

/** Charges what was really used, the estimate where that is not known. */
export function settleAll(
  flight: InFlight,
  end: RunEnd,
  { ledger }: EngineParts,
  durationMs: number,
): MaybePromise<void> {
  const { heldIds } = flight;
  const first = heldIds[0];
  if (first === undefined) return;
  const settled = ledger.settle(first, actualsOf(flight, end, durationMs));
  return heldIds.length === 1 ? settled : settleRest(settled, heldIds.slice(1), ledger);
}

function actualsOf({ limits }: InFlight, end: RunEnd, durationMs: number): readonly (number | undefined)[] {
  const { declarations } = limits;
  const unused = isUnused(end);
  // Filled in place: a closure for `map` would be made for every call.
  const actuals = listOf<number | undefined>(declarations.length);
  for (let at = 0; at < declarations.length; at++) {
    const declaration = declarations[at]!;
    // Its rate stays.
    actuals[at] =
      unused && isMetered(declaration.measure) ? 0 : declaration.actual(end.usage, end.context, durationMs);
  }
  return actuals;
}

/**
 * Whether a call failed before it used anything, and gives its budget back. One that was cut is left behind in the middle:
 * its provider may go on, and bills what nobody here will see.
 */
export function isUnused({ status, usage, denial }: RunEnd): boolean {
  return status === "failed" && usage === undefined && denial?.cause !== "unplugged";
}

function settleRest(
  settled: MaybePromise<void>,
  heldIds: readonly string[],
  ledger: LedgerStore,
): MaybePromise<void> {
  return andThen(settled, () => inTurn(heldIds, (id) => ledger.settle(id, [])));
}

/** Does something with all that a call holds, one after the other. */
export function inTurn(
  heldIds: readonly string[],
  work: (id: string) => MaybePromise<void>,
  from = 0,
): MaybePromise<void> {
  const id = heldIds[from];
  if (id === undefined) return;
  return andThen(work(id), () => inTurn(heldIds, work, from + 1));
}

/** Ends an admission of which no outcome will be known: everything reserved counts as used. */
export function settleAtEstimate(
  { decision: { id: decisionId }, inner }: Ruling,
  parts: EngineParts & { readonly inFlight: InFlightTable },
): MaybePromise<void> {
  inner?.end("ran");
  // The admission around it is ended by whoever was given it.
  if (inner?.isJoined === true) return;
  const flight = parts.inFlight.take(decisionId);
  if (flight === undefined) return;
  const { callKey, reservationId } = flight.call;
  const advanced = (): MaybePromise<void> =>
    callKey === undefined
      ? undefined
      : parts.admissions.advance(callKey, "done", {
          nowMs: parts.nowMs(),
          decisionId,
          reservationId,
        });
  return andThen(settleRest(undefined, flight.heldIds, parts.ledger), () =>
    andThen(advanced(), () =>
      parts.sessions.complete(flight.ruling.context, decisionId, { isError: false, durationMs: 0 }),
    ),
  );
}

/** Gives back everything that a call held. */
export function releaseAll({ heldIds }: InFlight, { ledger }: EngineParts): MaybePromise<void> {
  return inTurn(heldIds, (id) => ledger.release(id));
}

/** Whether a limit counts what only the model's provider can report. */
export function isMetered(measure: LimitDeclaration["measure"]): measure is "tokens" | "microUsd" {
  return measure === "tokens" || measure === "microUsd";
}

/** Whether some limit counts what the usage does not say. */
export function isEstimated({ limits: { declarations } }: InFlight, usage: Usage | undefined): boolean {
  for (let at = 0; at < declarations.length; at++) {
    const { measure } = declarations[at]!;
    if (isMetered(measure) && !isCompleteUsage(usage, measure)) return true;
  }
  return false;
}
