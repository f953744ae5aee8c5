import { suggest } from "../base/did-you-mean.ts";
import { isJsonObject, type JsonValue } from "../base/json.ts";
import { compilePatterns } from "../policy/compile-selector.ts";
import type { IssueList, IssuePath } from "./issue-list.ts";
import type { ReadRule } from "./parse-rules.ts";

/**
 * Checks that every rule of a policy has a name of its own: state, triggers and diffs go by it.
 * @param rules The rules of both lists, in order.
 */
export function checkRuleNames(rules: readonly ReadRule[], issues: IssueList): void {
  const perKind = new Map<string, number>();
  for (const { kind } of rules) perKind.set(kind, (perKind.get(kind) ?? 0) + 1);
  const seen = new Set<string>();
  for (const { kind, id, path } of rules) {
    const isRepeated = (perKind.get(kind) ?? 0) > 1;
    if (id === undefined && isRepeated) {
      issues.add(
        [...path, "id"],
        `is required: "${kind}" appears more than once in this policy`,
        "give each its own id",
      );
      continue;
    }
    const name = id ?? kind;
    if (seen.has(name))
      issues.add([...path, "id"], `"${name}" is already the id of another rule of this policy`);
    else if (id !== undefined && id !== kind && perKind.has(id)) {
      issues.add([...path, "id"], `"${id}" is also the kind of another rule, so a trigger could mean both`);
    }
    seen.add(name);
  }
}

/**
 * Checks that a recovery by headroom names a rule of the same policy: one that names none would never recover.
 * @param value The policy, or any part of it.
 */
export function checkHeadroom(
  value: JsonValue | undefined,
  at: { path: IssuePath; issues: IssueList; rules: readonly ReadRule[] },
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
    const known = at.rules.flatMap(({ id, kind }) => [id ?? kind, kind]);
    if (known.includes(rule)) continue;
    const hint = known.length === 0 ? "name a rule with a limit" : suggest(rule, [...new Set(known)]);
    at.issues.add([...path, "rule"], `"${rule}" is no rule of this policy`, hint);
  }
}

/** Checks that each hookpoint a selector names exists, or matches one that does. */
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
    const path = [...at.path, "hookpoints", position];
    at.issues.add(path, `"${name}" is no hookpoint`, suggest(name, at.hookpoints));
  }
}
