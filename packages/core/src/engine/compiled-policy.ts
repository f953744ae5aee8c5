import type { PolicyContext } from "../context/context.ts";
import type { Obligation } from "../decision/obligation.ts";
import type { CompiledSelector } from "../policy/compile-selector.ts";
import type { LoadedPolicy } from "../policy/loaded-policy.ts";
import type { EscalationStep } from "../policy/policy.ts";
import type { CompiledRule, RuleRead, RuleTiming } from "../rules/rule.ts";

/** A rule of a loaded policy, compiled, with everything the pipeline asks of it at hand. */
export interface CompiledEntry {
  readonly policy: CompiledPolicy;
  readonly ruleId: string;
  readonly kind: string;
  readonly timing: RuleTiming;
  /** Undefined means every hookpoint. */
  readonly hookpoints: ReadonlySet<string> | undefined;
  readonly rule: CompiledRule;
  readonly obligations: readonly Obligation[];
  /** The same with their owner, made once. */
  readonly duties: readonly { readonly entry: CompiledEntry; readonly obligation: Obligation }[];
  readonly reads: readonly RuleRead[];
  readonly readsSession: boolean;
  readonly timeoutMs: number;
  readonly isStateless: boolean;
  /** Custom kinds are timed even when synchronous: nothing promises that they are linear. */
  readonly isBuiltIn: boolean;
  /** The ladder groups of the policy that this rule triggers. */
  readonly ladders: readonly LadderGroup[];
}

/** The steps of one trigger, in list order. */
export interface LadderGroup {
  readonly trigger: string;
  readonly steps: readonly EscalationStep[];
}

/** A policy compiled once: selector, closures, ladder. Immutable; a change builds another. */
export interface CompiledPolicy {
  readonly loaded: LoadedPolicy;
  readonly id: string;
  readonly version: string;
  readonly priority: number;
  readonly isShadow: boolean;
  readonly onError: "block" | "allow";
  readonly selector: CompiledSelector;
  readonly entries: readonly CompiledEntry[];
  /** Checks what a plan cannot: users and tags. Undefined when the selector has neither. */
  readonly matchesDynamic: ((context: PolicyContext) => boolean) | undefined;
}

/** The order of candidates: priority descending, id ascending. */
export function byPrecedence(a: CompiledPolicy, b: CompiledPolicy): number {
  if (a.priority !== b.priority) return b.priority - a.priority;
  if (a.id === b.id) return 0;
  return a.id < b.id ? -1 : 1;
}
