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
