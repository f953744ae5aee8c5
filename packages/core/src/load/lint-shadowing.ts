import { canonicalJson } from "../base/canonical-json.ts";
import type { LintedPolicy, LintedRule } from "./lint-finding.ts";
import { parameter } from "./lint-finding.ts";
import { listCovers, selectorCovers } from "./pattern-cover.ts";

/**
 * Finds rules that a rule looked at before them makes pointless: an equal one, or a denylist that already blocks all
 * their tools, in an enforcing policy that concerns every call theirs does.
 */
export function lintShadowing(linted: readonly LintedPolicy[]): void {
  const equals = new Map<string, Placed[]>();
  const denylists: Placed[] = [];
  for (const placed of inOrder(linted)) {
    const key = canonicalJson({ timing: placed.rule.timing, ...placed.rule.spec, id: undefined });
    const isDenylist = placed.rule.spec.rule === "denylist";
    const before = [...(equals.get(key) ?? []), ...(isDenylist ? denylists : [])];
    const shadowing = before.find((earlier) => shadows(earlier, placed));
    if (shadowing !== undefined) report(placed, shadowing);
    const sameKey = equals.get(key);
    if (sameKey === undefined) equals.set(key, [placed]);
    else sameKey.push(placed);
    // Past this many a quadratic search costs more than it tells.
    if (isDenylist && denylists.length < 1_000) denylists.push(placed);
  }
}

interface Placed {
  readonly linted: LintedPolicy;
  readonly rule: LintedRule;
}

/** Shadow policies change nothing, so they neither shadow nor are shadowed. */
function inOrder(linted: readonly LintedPolicy[]): readonly Placed[] {
  return linted
    .filter(({ policy }) => policy.mode !== "shadow")
    .toSorted(
      (a, b) => (b.policy.priority ?? 0) - (a.policy.priority ?? 0) || (a.policy.id < b.policy.id ? -1 : 1),
    )
    .flatMap((one) => one.rules.map((rule) => ({ linted: one, rule })));
}

function shadows(earlier: Placed, later: Placed): boolean {
  // A rule with a ladder of its own does more than its answer.
  const isTrigger = (later.linted.policy.escalation ?? []).some(
    ({ trigger }) => trigger === later.rule.name || trigger === later.rule.spec.rule,
  );
  if (isTrigger || !selectorCovers(earlier.linted.selector, later.linted.selector)) return false;
  if (earlier.rule.spec.rule !== "denylist") return true;
  return listCovers(toolsOf(earlier.rule), toolsOf(later.rule));
}

function toolsOf(rule: LintedRule): readonly string[] {
  return [parameter(rule, "tools")].flat().filter((pattern) => typeof pattern === "string");
}

function report({ linted, rule }: Placed, by: Placed): void {
  linted.report({
    code: "rule_shadowed",
    severity: "warning",
    path: rule.path,
    message: `${by.rule.path} of policy "${by.linted.policy.id}" is looked at first and covers this rule`,
    suggestion: "remove one of the two, or narrow the other policy's selector",
  });
}
