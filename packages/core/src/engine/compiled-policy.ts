import type { PolicyContext } from "../context/context.ts";
import type { Answer, RuleAnswer } from "../decision/answer.ts";
import type { Effect } from "../decision/decision.ts";
import type { Obligation } from "../decision/obligation.ts";
import type { CompiledSelector } from "../policy/compile-selector.ts";
import type { LoadedPolicy } from "../policy/loaded-policy.ts";
import type { EscalationStep } from "../policy/policy.ts";
import type { CompiledRule, RuleRead, RuleTiming } from "../rules/rule.ts";

/** A rule of a loaded policy, compiled, with everything the pipeline asks of it at hand. */
export interface CompiledEntry {
  /** What every call of the rule needs stands first: it shares lines of the processor's cache. */
  readonly rule: CompiledRule;
  /** The rule's own `check`, at hand: one object less to fetch. */
  readonly check: CompiledRule["check"];
  /** The rule's obligations with their owner, made once. */
  readonly duties: readonly { readonly entry: CompiledEntry; readonly obligation: Obligation }[];
  readonly isStateless: boolean;
  /** Custom kinds are timed even when synchronous: nothing promises that they are linear. */
  readonly isBuiltIn: boolean;
  readonly readsSession: boolean;
  readonly reads: readonly RuleRead[];
  /** What the rule said last, wrapped: built-in rules mostly give the very same answer again. */
  told?: PassAnswer | undefined;
  /** The same as all that a pass was told, which it mostly is. */
  toldAlone?: readonly PassAnswer[] | undefined;
  readonly policy: CompiledPolicy;
  readonly ruleId: string;
  readonly kind: string;
  readonly timing: RuleTiming;
  /** Undefined means every hookpoint. */
  readonly hookpoints: Pick<ReadonlySet<string>, "has"> | undefined;
  readonly obligations: readonly Obligation[];
  readonly timeoutMs: number;
  /** The ladder groups of the policy that this rule triggers. */
  readonly ladders: readonly LadderGroup[];
}

/** A rule's answer within a pass, and what it does to this call. Shared by many passes, so it is never changed. */
export interface PassAnswer {
  readonly entry: CompiledEntry;
  readonly policyId: string;
  readonly answer: Answer["answer"];
  readonly said: Answer;
  /** What the rule gave with it; undefined for a limit's breach. */
  readonly given: RuleAnswer | undefined;
  /** Starts as the answer's own effect; where a ladder or an approval changes it, the answer is replaced. */
  readonly effect: Effect;
  readonly cause: "rule" | "limit";
  /** A hard limit: it applies whichever policy decides. */
  readonly isBinding: boolean;
}

/** The steps of one trigger, in list order. */
export interface LadderGroup {
  readonly trigger: string;
  readonly steps: readonly EscalationStep[];
}

/** A policy compiled once: selector, closures, ladder. Immutable; a change builds another. */
export class CompiledPolicy {
  readonly loaded: LoadedPolicy;
  readonly id: string;
  readonly priority: number;
  readonly isShadow: boolean;
  readonly onError: "block" | "allow";
  readonly selector: CompiledSelector;
  readonly entries: readonly CompiledEntry[];
  /** Checks what a plan cannot: users and tags. Undefined when the selector has neither. */
  readonly matchesDynamic: ((context: PolicyContext) => boolean) | undefined;
  /** Some rule of it has to be closed when it is retired; for most there is nothing to do. */
  readonly isClosable: boolean = false;

  /** @param entries Filled in by the compiler, for each names its policy. */
  constructor(loaded: LoadedPolicy, selector: CompiledSelector, entries: readonly CompiledEntry[]) {
    const { id, priority, mode, onError } = loaded.policy;
    this.loaded = loaded;
    this.id = id;
    this.priority = priority ?? 0;
    this.isShadow = mode === "shadow";
    this.onError = onError ?? "block";
    this.selector = selector;
    this.entries = entries;
    this.matchesDynamic = dynamicTestOf(selector);
  }

  /** Asked of by few: what addresses a policy is found out only then. */
  get version(): string {
    return this.loaded.contentHash;
  }
}

function dynamicTestOf({ users, tags }: CompiledSelector): CompiledPolicy["matchesDynamic"] {
  if (users === undefined && tags === undefined) return undefined;
  return (context: PolicyContext) =>
    (users === undefined || users.matches(context.user)) && (tags === undefined || tags(context.tags));
}

/** The order of candidates: priority descending, id ascending. */
export function byPrecedence(a: CompiledPolicy, b: CompiledPolicy): number {
  if (a.priority !== b.priority) return b.priority - a.priority;
  if (a.id === b.id) return 0;
  return a.id < b.id ? -1 : 1;
}
