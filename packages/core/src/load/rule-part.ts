import type { JsonValue } from "../base/json.ts";
import type { CompiledRule, RuleKind } from "../rules/rule.ts";

/**
 * One rule of a document as it was read. Rules that are written the same share one part, so that what thousands of
 * policies repeat is checked once.
 */
export interface RulePart {
  /** The frozen copy; anything, as long as it was not checked. */
  readonly spec: JsonValue;
  readonly findings: ReadFindings;
  /** What could be read of it, right or wrong; filled in by the first check. */
  read?: ReadRule | undefined;
  /** What checking found, when it found nothing wrong; filled in by the first check. */
  accepted?: AcceptedRule | undefined;
}

/** A rule, as far as it could be read. */
export interface ReadRule {
  readonly kind: RuleKind;
  /** As written, also when it is not a good one; undefined when the rule goes by its kind. */
  readonly id: string | undefined;
}

/** What reading a value found out beside the copy. */
export interface ReadFindings {
  /** About how many characters of JSON it is. */
  readonly chars: number;
  /** How many members its objects have. */
  readonly members: number;
  /** Some text in it may be a literal secret. */
  readonly mayHoldSecret: boolean;
}

/** A rule that nothing is wrong with. */
export interface AcceptedRule extends ReadRule {
  /** What the kind's schema made of the parameters; shared, so deeply frozen. Undefined for kinds of the user's own. */
  readonly params: unknown;
  /** The compiled rule, where its kind lets rules share it; filled in by the first that is compiled. */
  compiled?: CompiledRule | undefined;
}

/** The elements of a policy's rule lists; empty where there is no list. */
export interface PolicyRules {
  readonly blocking: readonly RulePart[];
  readonly nonBlocking: readonly RulePart[];
}

/** One policy of a document as it was read. */
export interface PolicyPart extends PolicyRules {
  readonly copy: JsonValue;
  readonly findings: ReadFindings;
}

/** A list without rules. */
export const NO_RULES: readonly RulePart[] = Object.freeze([]);

/** What stands for a policy that could not be read. */
export const NOTHING: PolicyPart = Object.freeze({
  copy: null,
  blocking: NO_RULES,
  nonBlocking: NO_RULES,
  findings: Object.freeze({ chars: 0, members: 0, mayHoldSecret: false }),
});
