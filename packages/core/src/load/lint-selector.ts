import { PATTERN_DIMENSIONS } from "../policy/selector.ts";
import type { LintedPolicy } from "./lint-finding.ts";
import { isEmptyList } from "./pattern-cover.ts";

/**
 * Finds a selector that can match nothing, and an allowlist inside one that already limits tools.
 * @returns Whether the policy can match anything at all.
 */
export function lintSelector(linted: LintedPolicy): boolean {
  const dead = emptyDimension(linted);
  if (dead !== undefined) {
    linted.report({
      code: "selector_matches_nothing",
      severity: "error",
      path: dead.path,
      message: dead.message,
      suggestion: "change the selector, or remove the policy",
    });
    return false;
  }
  lintAllowlists(linted);
  return true;
}

function emptyDimension(linted: LintedPolicy): { path: string; message: string } | undefined {
  const { selector } = linted;
  const lists = [
    ...PATTERN_DIMENSIONS.map((dimension) => [dimension, selector[dimension]] as const),
    ...Object.entries(selector.tags ?? {}).map(
      ([name, patterns]) => [`tags.${name}`, [patterns].flat()] as const,
    ),
  ];
  const empty = lists.find(([, patterns]) => patterns !== undefined && isEmptyList(patterns));
  if (empty !== undefined) {
    const [name] = empty;
    return { path: `selector.${name}`, message: `the exclusions leave no ${name}: the policy never matches` };
  }
  if (linted.hookpoints.length > 0) return undefined;
  const message =
    selector.tools === undefined
      ? "no hookpoint fits: the policy never matches"
      : "tools are selected, but none of these hookpoints carries a tool: the policy never matches";
  return { path: "selector.hookpoints", message };
}

function lintAllowlists(linted: LintedPolicy): void {
  if (linted.selector.tools === undefined) return;
  for (const { spec, path } of linted.rules) {
    if (spec.rule !== "allowlist") continue;
    linted.report({
      code: "allowlist_in_tool_selector",
      severity: "warning",
      path,
      message: "the allowlist only sees the tools that the selector names; every other tool passes by",
      suggestion: "remove tools from the selector",
    });
  }
}
