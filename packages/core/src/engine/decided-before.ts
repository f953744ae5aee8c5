import type { DecisionTemplate } from "../decision/decision-template.ts";
import type { PassAnswer } from "./compiled-policy.ts";
import type { OwnedObligation } from "./owned-obligation.ts";
import type { Refusal } from "./refusal.ts";

/** What a decision came from, and what it was. */
export interface DecidedBefore extends DecisionTemplate {
  readonly byAnswer: PassAnswer | undefined;
  readonly byRefusal: Refusal | undefined;
  readonly withDuties: readonly OwnedObligation[];
}

/** What was decided before at one place. */
export interface DecidedTable {
  /** The last one is mostly the next one too. */
  latest: DecidedBefore | undefined;
  readonly others: DecidedBefore[];
}
