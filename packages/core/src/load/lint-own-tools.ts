import { parameter, reportNever, type LintedPolicy, type LintedRule } from "./lint-finding.ts";
import { areApart } from "./pattern-cover.ts";

/** Finds a rule that names tools of which its selector lets none through. An allowlist acts on those it does not name. */
export function lintOwnTools(linted: LintedPolicy, rule: LintedRule): void {
  if (rule.spec.rule === "allowlist") return;
  const where = Object(parameter(rule, "where"));
  const own = listOf(parameter(rule, "tools") ?? parameter(rule, "tool") ?? where.tool);
  const selected = listOf(linted.selector.tools);
  if (own === undefined || selected === undefined) return;
  if (areApart(own, selected)) reportNever(linted, rule, "the selector lets none of its tools through");
}

/** Undefined for what is no list of patterns, and for names that say their server: a tool has another one beside it. */
function listOf(written: unknown): readonly string[] | undefined {
  const list: readonly unknown[] = [written].flat();
  return list.every((pattern) => typeof pattern === "string" && !pattern.includes("/"))
    ? (list as readonly string[])
    : undefined;
}
