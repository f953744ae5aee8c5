import type { LimitSubject } from "../policy/limit.ts";
import type { LimitDeclaration } from "../rules/rule.ts";
import type { ReserveItem } from "../store/state-store.ts";
import type { CompiledEntry } from "./compiled-policy.ts";

/** One limit of one rule, bound to this call's subject. */
export interface BoundLimit {
  readonly entry: CompiledEntry;
  readonly declaration: LimitDeclaration;
  /** Whom it counts for. */
  readonly subject: LimitSubject;
  readonly value: string | undefined;
  readonly item: ReserveItem;
}

/** All limits of a call, in the order of their items. */
export interface BoundLimits {
  readonly list: readonly BoundLimit[];
  readonly items: readonly ReserveItem[];
  /** Whose items they are: what a call needs is here, so that nothing in the list has to be fetched. */
  readonly declarations: readonly LimitDeclaration[];
  /** Some of them counts for a subject that a plan does not name: calls of one plan may differ in it. */
  readonly isBySubject: boolean;
  /** Every declaration of the plan is in the list, and none said more than an amount. */
  readonly isWhole: boolean;
}

/** A call that no limit concerns. */
export const NO_LIMITS: BoundLimits = Object.freeze({
  list: Object.freeze([]),
  items: Object.freeze([]),
  declarations: Object.freeze([]),
  isBySubject: false,
  isWhole: false,
});
