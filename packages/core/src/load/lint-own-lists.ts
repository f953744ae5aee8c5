import { PATTERN_DIMENSIONS } from "../policy/selector.ts";
import { parameter, reportNever, type LintedPolicy, type LintedRule } from "./lint-finding.ts";
import { areApart, isEmptyList } from "./pattern-cover.ts";

/**
 * Finds a rule that names tools, agents, tenants, users or hookpoints of which its selector lets none through, or names
 * them so that nothing fits all it says. An allowlist acts on those it does not name.
 */
export function lintOwnLists(linted: LintedPolicy, rule: LintedRule): void {
  if (rule.spec.rule === "allowlist") return;
  const where = Object(parameter(rule, "where"));
  const parts = [where, ...[where.all ?? []].flat().map(Object)];
  for (const dimension of PATTERN_DIMENSIONS) {
    const name = dimension.slice(0, -1);
    const own = dimension === "tools" && (parameter(rule, "tools") ?? parameter(rule, "tool"));
    const lists = [linted.selector[dimension], own, ...parts.map((part) => part[name])]
      .map(listOf)
      .filter((list) => list !== undefined);
    const isOther = dimension === "tools" ? areOtherTools : areApart;
    const isNever = lists.some((list) => isEmptyList(list) || lists.some((other) => isOther(list, other)));
    if (isNever) reportNever(linted, rule, `no ${name} fits it and its selector`);
  }
}

/** A tool has its original name beside its own, which mostly ends with it; what excludes the one lets the other through. */
function areOtherTools(a: readonly string[], b: readonly string[]): boolean {
  const [some, others] = [a, b].map((list) => list.filter((pattern) => !pattern.startsWith("!")));
  if (some === undefined || others === undefined || some.length === 0 || others.length === 0) return false;
  const isOneTool = some.some((one) => others.some((other) => one.endsWith(other) || other.endsWith(one)));
  return !isOneTool && areApart(some, others);
}

/** Undefined for what is no list of patterns, and for names that say their server: a tool has another one beside it. */
function listOf(written: unknown): readonly string[] | undefined {
  const list: readonly unknown[] = [written].flat();
  return list.every((pattern) => typeof pattern === "string" && !pattern.includes("/"))
    ? (list as readonly string[])
    : undefined;
}
