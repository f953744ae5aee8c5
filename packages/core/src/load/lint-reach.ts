import { HOOKPOINTS, isAfter } from "../context/hookpoint.ts";
import { compilePatterns } from "../policy/compile-selector.ts";
import type { LintedPolicy, LintedRule, LintOptions } from "./lint-finding.ts";
import { parameter } from "./lint-finding.ts";

/**
 * Finds rules that never get to see what they are about: a hookpoint that does not carry it, an API rule where no
 * tool is mapped to an API.
 */
export function lintReach(linted: LintedPolicy, options: LintOptions): void {
  for (const rule of linted.rules) {
    const hookpoints = linted.hookpoints.filter(
      (hookpoint) => rule.kind.hookpoints.includes("*") || rule.kind.hookpoints.includes(hookpoint),
    );
    if (hookpoints.length === 0) {
      const looksAt = rule.kind.hookpoints.join(", ");
      reportNever(
        linted,
        rule,
        `"${rule.spec.rule}" looks at ${looksAt}, none of which this selector admits`,
      );
      continue;
    }
    lintConditions(linted, rule, hookpoints);
    lintApi(linted, rule, options);
  }
}

/** What the root members of a structured condition need of a hookpoint; custom hookpoints may carry anything. */
const CARRIED_BY: Readonly<Record<string, (hookpoint: string) => boolean>> = {
  tool: (hookpoint) => hookpoint.endsWith("_tool_call"),
  model: (hookpoint) => hookpoint.endsWith("_model_call"),
  provider: (hookpoint) => hookpoint.endsWith("_model_call"),
  target: (hookpoint) => /_(?:handoff|resource_read|prompt_get|elicitation)$/.test(hookpoint),
  result: isAfter,
  usage: isAfter,
  isError: isAfter,
};

function lintConditions(linted: LintedPolicy, rule: LintedRule, hookpoints: readonly string[]): void {
  for (const member of ["where", "require"]) {
    const condition = parameter(rule, member);
    if (typeof condition !== "object" || condition === null) continue;
    for (const name of Object.keys(condition)) {
      const isCarried = Object.hasOwn(CARRIED_BY, name) ? CARRIED_BY[name] : undefined;
      if (
        isCarried === undefined ||
        hookpoints.some((hookpoint) => isCustom(hookpoint) || isCarried(hookpoint))
      )
        continue;
      reportNever(linted, rule, `none of the selected hookpoints carries "${name}"`, `.${member}.${name}`);
    }
  }
}

function isCustom(hookpoint: string): boolean {
  return !HOOKPOINTS.some((known) => known === hookpoint);
}

function reportNever(linted: LintedPolicy, rule: LintedRule, message: string, subPath = ""): void {
  linted.report({
    code: "rule_never_runs",
    severity: "error",
    path: `${rule.path}${subPath}`,
    message: `${message}: the rule never answers`,
    suggestion: "change selector.hookpoints, or move the rule to a policy whose calls carry it",
  });
}

const API_KINDS: ReadonlySet<string> = new Set(["apiAllowlist", "apiDenylist"]);

function lintApi(linted: LintedPolicy, rule: LintedRule, { tools }: LintOptions): void {
  if (!API_KINDS.has(rule.spec.rule)) return;
  const selected = linted.selector.tools === undefined ? undefined : compilePatterns(linted.selector.tools);
  const isMapped = Object.entries(tools).some(
    ([name, traits]) => traits.api !== undefined && (selected === undefined || selected.matches(name)),
  );
  if (isMapped) return;
  linted.report({
    code: "api_rule_unreachable",
    severity: "warning",
    path: rule.path,
    message: "no selected tool says which HTTP call it makes, so the rule sees none",
    suggestion: "declare it under tools: { my_tool: { api: { method: GET, url: $.url } } }",
  });
}
