import type { SelectorSpec } from "../policy/selector.ts";
import type { Policy, RuleSpec } from "../policy/policy.ts";
import type { ToolTraits } from "../policy/traits.ts";
import type { RuleRegistry } from "../rules/registry.ts";
import type { RuleKind, RuleTiming } from "../rules/rule.ts";

/** What lint can find; programs may branch on these. */
export type LintCode =
  | "selector_matches_nothing"
  | "rule_shadowed"
  | "rule_never_runs"
  | "rule_always_blocks"
  | "allowlist_in_tool_selector"
  | "api_rule_unreachable"
  | "limit_zero"
  | "session_limit_alone"
  | "soft_limit_alone"
  | "limit_never_reached"
  | "trigger_unknown"
  | "level_unreachable"
  | "approval_unresolvable";

/** A policy that loads but does not do what its author probably meant. */
export interface LintFinding {
  readonly code: LintCode;
  /** `error`: a protection that is never in force. `warning`: one that is weaker or harsher than it looks. */
  readonly severity: "error" | "warning";
  readonly policyId: string;
  /** JSON path inside the policy, such as `blocking[1].limit`. */
  readonly path: string;
  readonly message: string;
  readonly suggestion: string;
}

/** What lint needs to know beside the policies. */
export interface LintOptions {
  readonly registry: RuleRegistry;
  /** The operator's traits, by tool name. */
  readonly tools: Readonly<Record<string, ToolTraits>>;
  readonly hookpoints: readonly string[];
  /** Whether something can answer an approval: a server, a framework, a callback. */
  readonly hasResolver: boolean;
}

/** One rule under the linter's eye, with what is derived from its place. */
export interface LintedRule {
  readonly spec: RuleSpec;
  readonly kind: RuleKind;
  /** The name that triggers use: its id, else its kind. */
  readonly name: string;
  readonly timing: RuleTiming;
  readonly path: string;
}

/** One policy under the linter's eye. */
export interface LintedPolicy {
  readonly policy: Policy;
  readonly selector: SelectorSpec;
  readonly rules: readonly LintedRule[];
  /** The hookpoints the selector admits. */
  readonly hookpoints: readonly string[];
  report(finding: Omit<LintFinding, "policyId">): void;
}

/** The members of a rule's parameters, for looking at one by name. */
export function parameter(rule: LintedRule, name: string): unknown {
  return rule.spec[name];
}

/** Reports a rule that never answers. */
export function reportNever(
  linted: LintedPolicy,
  rule: LintedRule,
  message: string,
  { at = "", suggestion = "change the selector, or move the rule to a policy whose calls carry it" } = {},
): void {
  linted.report({
    code: "rule_never_runs",
    severity: "error",
    path: `${rule.path}${at}`,
    message: `${message}: the rule never answers`,
    suggestion,
  });
}

/** Reports a rule that blocks every call which its policy concerns. */
export function reportAlways(
  linted: LintedPolicy,
  rule: LintedRule,
  { at, message }: { readonly at: string; readonly message: string },
): void {
  linted.report({
    code: "rule_always_blocks",
    severity: "warning",
    path: `${rule.path}${at}`,
    message,
    suggestion: "change what it asks for, or block with a denylist where that is meant",
  });
}
