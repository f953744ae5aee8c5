import { AgentplaneError } from "../base/errors.ts";
import { isJsonObject, type JsonObject, type JsonValue } from "../base/json.ts";
import type { Policy } from "../policy/policy.ts";
import { dataOf, RULE_LISTS, rulesById, type PolicyDiff, type RuleChange, type RuleList } from "./diff.ts";
import type { ValueChange, ValuePath } from "./diff-values.ts";

/**
 * Turns the older policy of a diff into the newer one.
 * @param diff From `diffPolicies(before, after)`.
 * @param before The policy the diff was made from.
 * @returns A new policy equal to `after`; nothing is changed in place.
 * @throws AgentplaneError `version_unknown` when the diff was made from other content
 */
export function applyDiff(diff: PolicyDiff, before: Policy): Policy {
  let policy: JsonValue = applyValues(dataOf(before), diff.values);
  for (const list of RULE_LISTS) {
    const rules = applyRules(rulesOf(policy, list), list, diff);
    if (rules !== "same") policy = replaceAt(policy, [list], rules);
  }
  const applied: unknown = policy;
  // The members of a policy, moved by a diff of two policies, are a policy.
  return applied as Policy;
}

function rulesOf(policy: JsonValue, list: RuleList): ReadonlyMap<string, JsonObject> {
  const found = rulesById(isJsonObject(policy) ? policy[list] : undefined);
  return found === undefined || found === "unmatched" ? new Map() : found;
}

function applyRules(
  old: ReadonlyMap<string, JsonObject>,
  list: RuleList,
  diff: PolicyDiff,
): readonly JsonValue[] | undefined | "same" {
  const changes = diff.rules.filter((change) => change.list === list);
  const order = diff.order.find((change) => change.list === list);
  if (changes.length === 0 && order === undefined) return "same";
  const rules = new Map<string, JsonValue>(old);
  for (const change of changes) applyRule(rules, change);
  if (order === undefined) return [...rules.values()];
  return order.after?.map((ruleId) => present(rules.get(ruleId), `${list}[${ruleId}]`));
}

function applyRule(rules: Map<string, JsonValue>, change: RuleChange): void {
  const { ruleId, list } = change;
  if (change.change === "added") {
    rules.set(ruleId, change.rule);
    return;
  }
  const old = present(rules.get(ruleId), `${list}[${ruleId}]`);
  if (change.change === "removed") rules.delete(ruleId);
  else rules.set(ruleId, applyValues(old, change.values));
}

function applyValues(value: JsonValue, changes: readonly ValueChange[]): JsonValue {
  return changes.reduce((applied, { at, after }) => replaceAt(applied, at, after), value);
}

/** Builds the value with one place replaced; undefined removes the member. */
function replaceAt(value: JsonValue, at: ValuePath, next: JsonValue | undefined): JsonValue {
  const [step, ...rest] = at;
  if (step === undefined) return present(next, "$");
  const inner = (old: JsonValue | undefined): JsonValue | undefined =>
    rest.length === 0 ? next : replaceAt(present(old, String(step)), rest, next);
  if (Array.isArray(value) && typeof step === "number") {
    return value.map((item: JsonValue, index) => (index === step ? present(inner(item), `[${step}]`) : item));
  }
  if (!isJsonObject(value) || typeof step !== "string") return refuse(String(step));
  // From entries, so that a member of any name stays a member: assigning `__proto__` would set the prototype.
  const members = new Map(Object.entries(value));
  const changed = inner(members.get(step));
  if (changed === undefined) members.delete(step);
  else members.set(step, changed);
  return Object.fromEntries(members);
}

/** Null is a value like any other; only undefined says that nothing is there. */
function present(value: JsonValue | undefined, place: string): JsonValue {
  return value === undefined ? refuse(place) : value;
}

function refuse(place: string): never {
  throw new AgentplaneError(
    "version_unknown",
    `the diff does not fit: ${place} is not there; diff from this version`,
    {
      data: { place },
    },
  );
}
