import type { PolicyContext } from "../context/context.ts";
import { subjectOf } from "../context/subject.ts";
import type { Denial, Ruling } from "../decision/decision-point.ts";
import type { InFlight } from "./in-flight.ts";

/** Why the result of a call is withheld that could not be settled. */
export const UNSETTLED: Denial = { cause: "state_error", reason: "what it used could not be settled" };

/** The action has happened: whoever reads the replacement must not believe that it did not. */
export function withheld(flight: InFlight, { decision, context }: Ruling): Ruling {
  const message = withheldWords(flight.ruling.context, decision.reason);
  return {
    decision: { ...decision, message },
    context: Object.freeze({ ...context, result: message, isError: true }),
    callKeys: [],
  };
}

/** What is read in the place of a result that is withheld. */
export function withheldWords(context: PolicyContext, reason: string): string {
  const { tool } = context;
  // A model's answer changes nothing in the world: what matters is that it is not shown.
  if (subjectOf(context) === "model") return `The model's answer is withheld: ${reason}.`;
  const what = tool === undefined ? "The action" : `The call of ${tool.name}`;
  return `${what} WAS executed, but its result is withheld: ${reason}. Do not repeat the call.`;
}

/** Why the result of a call is withheld whose outcome could not be recorded. */
export const UNRECORDED: Denial = { cause: "audit_error", reason: "its outcome could not be recorded" };

/** The same for a reason that was found after the judgement. */
export function withheldFor(flight: InFlight, ruling: Ruling, { cause, reason }: Denial): Ruling {
  const decision = { ...ruling.decision, cause, reason, verdict: "block", effect: "block" } as const;
  return withheld(flight, { ...ruling, decision });
}
