import { suggest } from "../base/did-you-mean.ts";
import { isJsonObject, type JsonValue } from "../base/json.ts";
import { compilePatterns } from "../policy/compile-selector.ts";
import type { IssueList, IssuePath } from "./issue-list.ts";
import type { RuleTiming } from "../rules/rule.ts";
import type { PolicyRules, ReadRule, RulePart } from "./rule-part.ts";

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
 * Checks that a recovery by headroom names a rule of the same policy: one that names none would never recover.
 * @param value The policy, or any part of it.
 */
export function checkHeadroom(
  value: JsonValue | undefined,
  at: { path: IssuePath; issues: IssueList; rules: PolicyRules },
): void {
  if (Array.isArray(value)) {
    for (const [position, item] of value.entries())
      checkHeadroom(item, { ...at, path: [...at.path, position] });
    return;
  }
  if (!isJsonObject(value)) return;
  for (const [name, member] of Object.entries(value)) {
    const path = [...at.path, name];
    const rule = name === "headroom" && isJsonObject(member) ? member["rule"] : undefined;
    if (typeof rule !== "string") {
      checkHeadroom(member, { ...at, path });
      continue;
    }
    const known = placesOf(at.rules).flatMap(([, , { id, kind }]) => [id ?? kind.kind, kind.kind]);
    if (known.includes(rule)) continue;
    const hint = known.length === 0 ? "name a rule with a limit" : suggest(rule, [...new Set(known)]);
    at.issues.add([...path, "rule"], `"${rule}" is no rule of this policy`, hint);
  }
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
