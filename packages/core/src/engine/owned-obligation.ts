import type { Obligation } from "../decision/obligation.ts";
import type { CompiledEntry } from "./compiled-policy.ts";

/** A duty together with the rule that gave it. */
export interface OwnedObligation {
  readonly entry: CompiledEntry;
  readonly obligation: Obligation;
}

/** No duties: the list every pass starts with. */
export const NO_DUTIES: readonly OwnedObligation[] = Object.freeze([]);

/** Names the owner of a rule's obligations. */
export function dutiesOf(
  entry: CompiledEntry,
  obligations: readonly Obligation[],
): readonly OwnedObligation[] {
  return obligations.length === 0 ? NO_DUTIES : obligations.map((obligation) => ({ entry, obligation }));
}
