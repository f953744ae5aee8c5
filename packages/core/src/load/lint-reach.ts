import { looksAt } from "../rules/rule.ts";
import { lintCondition } from "./lint-condition.ts";
import { lintOwnLists } from "./lint-own-lists.ts";
import { lintRedact } from "./lint-redact.ts";
import {
  parameter,
  reportAlways,
  reportNever,
  type LintedPolicy,
  type LintedRule,
  type LintOptions,
} from "./lint-finding.ts";
import { areApart, isEmptyList, listCovers } from "./pattern-cover.ts";

/**
 * Finds rules that never get to see what they are about: a hookpoint that does not carry it, an API rule where no
 * tool is mapped to an API.
 */
export function lintReach(linted: LintedPolicy, options: LintOptions): void {
  for (const rule of linted.rules) {
    const hookpoints = linted.hookpoints.filter((hookpoint) => looksAt(rule.kind, hookpoint));
    if (hookpoints.length === 0) {
      const all = rule.kind.hookpoints.join(", ");
      reportNever(linted, rule, `"${rule.spec.rule}" looks at ${all}, none of which this selector admits`);
      continue;
    }
    if (rule.spec.rule === "condition") lintCondition(linted, rule, hookpoints);
    if (rule.spec.rule === "redact") lintRedact(linted, rule, hookpoints);
    if (rule.spec.rule === "requireTenant") lintTenants(linted, rule);
    lintApi(linted, rule, options);
    lintOwnLists(linted, rule);
  }
}

/** It blocks whom it does not name. */
function lintTenants(linted: LintedPolicy, rule: LintedRule): void {
  const required = parameter(rule, "tenants");
  if (required === undefined) return;
  const names = [required].flat().filter((pattern) => typeof pattern === "string");
  const { tenants } = linted.selector;
  const isEmpty = isEmptyList(names);
  if (!isEmpty && (tenants === undefined || !areApart(names, tenants))) return;
  const why = isEmpty
    ? "its exclusions leave no tenant"
    : "it names none of the tenants that its selector lets through";
  reportAlways(linted, rule, { at: ".tenants", message: `${why}: every call is blocked` });
}

const API_KINDS: ReadonlySet<string> = new Set(["apiAllowlist", "apiDenylist"]);

function lintApi(linted: LintedPolicy, rule: LintedRule, { tools }: LintOptions): void {
  if (!API_KINDS.has(rule.spec.rule)) return;
  const isMapped = Object.entries(tools).some(
    ([name, traits]) => traits.api !== undefined && listCovers(linted.selector.tools, [name]),
  );
  if (isMapped) return;
  linted.report({
    code: "api_rule_unreachable",
    severity: "warning",
    path: rule.path,
    message: "no selected tool says which HTTP call it makes",
    suggestion: "declare it under tools: { my_tool: { api: { method: GET, url: $.url } } }",
  });
}
