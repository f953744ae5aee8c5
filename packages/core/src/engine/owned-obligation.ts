import type { Obligation } from "../decision/obligation.ts";
import type { CompiledEntry } from "./compiled-policy.ts";

/** A duty together with the rule that gave it. */
export interface OwnedObligation {
  readonly entry: CompiledEntry;
  readonly obligation: Obligation;
}
