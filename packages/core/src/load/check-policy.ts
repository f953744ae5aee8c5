import { suggest } from "../base/did-you-mean.ts";
import { isJsonObject, type JsonObject, type JsonValue } from "../base/json.ts";
import { getPath } from "../context/path.ts";
import { compilePatterns } from "../policy/compile-selector.ts";
import { isBuiltInRule } from "../rules/registry.ts";
import type { RuleKind, RuleTiming } from "../rules/rule.ts";
import type { IssueList, IssuePath } from "./issue-list.ts";
import type { PolicyRules, ReadRule, RulePart } from "./rule-part.ts";
import { shapeKeys } from "./zod-issues.ts";

/**
 * Checks that every rule of a policy has a name of its own: state, triggers and diffs go by it.
 * @param rules The rules of both lists.
 * @param at Where the policy lies, and who receives the issues.
 */
export function checkRuleNames(
  rules: PolicyRules,
  { path, issues }: { readonly path: IssuePath; readonly issues: IssueList },
): void {
  if (areEachOfOneKind(rules)) return;
  const perKind = new Map<string, number>();
  for (const [, , { kind }] of placesOf(rules)) perKind.set(kind.kind, (perKind.get(kind.kind) ?? 0) + 1);
  const seen = new Set<string>();
  for (const [timing, position, rule] of placesOf(rules)) {
    const { kind } = rule.kind;
    const at = [...path, timing, position, "id"];
    if (rule.id === undefined && (perKind.get(kind) ?? 0) > 1) {
      issues.add(at, `is required: "${kind}" appears more than once in this policy`, "give each its own id");
      continue;
    }
    const name = rule.id ?? kind;
    if (seen.has(name)) issues.add(at, `"${name}" is already the id of another rule of this policy`);
    else if (name !== kind && perKind.has(name)) {
      issues.add(at, `"${name}" is also the kind of another rule, so a trigger could mean both`);
    }
    seen.add(name);
  }
}

function placesOf(rules: PolicyRules): readonly (readonly [RuleTiming, number, ReadRule])[] {
  return (["blocking", "nonBlocking"] as const).flatMap((timing) =>
    rules[timing].flatMap(({ read }, position) =>
      read === undefined ? [] : [[timing, position, read] as const],
    ),
  );
}

/** The ordinary case: no rule has an id and no kind repeats. Compared pair by pair only where they are few. */
function areEachOfOneKind({ blocking, nonBlocking }: PolicyRules): boolean {
  return areOfDifferentKinds(blocking) && areOfDifferentKinds(nonBlocking);
}

/** A kind is either blocking or not, so lists are looked at by themselves. */
function areOfDifferentKinds(rules: readonly RulePart[]): boolean {
  if (rules.length > 8) return false;
  for (let at = 0; at < rules.length; at++) {
    const rule = rules[at]?.read;
    if (rule === undefined || rule.id !== undefined) return false;
    for (let before = 0; before < at; before++) if (rules[before]?.read?.kind === rule.kind) return false;
  }
  return true;
}

/**
 * Checks that a recovery by headroom names a limit of the same policy: one that names none would never recover.
 * @param policy As written.
 */
export function checkHeadrooms(
  policy: JsonObject,
  { path, issues, rules }: { path: IssuePath; issues: IssueList; rules: PolicyRules },
): void {
  for (const [list, place] of PLACES) {
    const items = policy[list];
    for (const [position, item] of Array.isArray(items) ? items.entries() : []) {
      const named = getPath(item, `$.${place}`);
      if (typeof named !== "string") continue;
      const known = placesOf(rules)
        .filter(([timing, , { kind }]) => timing === "blocking" && mayLimit(kind))
        .flatMap(([, , { id, kind }]) => [id ?? kind.kind, kind.kind]);
      if (known.includes(named)) continue;
      const where = [...path, list, position, ...place.split(".")];
      issues.add(where, `"${named}" is no limit of this policy`, suggest(named, [...new Set(known)]));
    }
  }
}

const IN_DEGRADE = "degrade.recover.when.headroom.rule";
/** Where modes are set. */
const PLACES = [
  ["escalation", `action.${IN_DEGRADE}`],
  ["blocking", IN_DEGRADE],
] as const;

/** Built-in limits say by whom they count; what a kind of the user's own does is known when it is compiled. */
function mayLimit(kind: RuleKind): boolean {
  return !isBuiltInRule(kind) || shapeKeys(kind.params).includes("per");
}

/**
 * Checks that each hookpoint a selector names exists, or matches one that does.
 * @param at Where the policy lies, who receives the issues, and what exists.
 */
export function checkSelector(
  selector: JsonValue | undefined,
  at: { path: IssuePath; issues: IssueList; hookpoints: readonly string[] },
): void {
  const patterns = isJsonObject(selector) ? selector["hookpoints"] : undefined;
  if (!Array.isArray(patterns)) return;
  for (const [position, pattern] of patterns.entries()) {
    if (typeof pattern !== "string") continue;
    const name = pattern.startsWith("!") ? pattern.slice(1) : pattern;
    const { matches } = compilePatterns([name]);
    if (at.hookpoints.some(matches)) continue;
    const path = [...at.path, "selector", "hookpoints", position];
    at.issues.add(path, `"${name}" is no hookpoint`, suggest(name, at.hookpoints));
  }
}
