import { isJsonObject, type JsonObject, type JsonValue } from "../base/json.ts";
import type { Policy } from "../policy/policy.ts";
import { diffValues, type ValueChange } from "./diff-values.ts";

/** The two lists whose items are rules. */
export const RULE_LISTS = ["blocking", "nonBlocking"] as const;
export type RuleList = (typeof RULE_LISTS)[number];

/** A rule that differs; rules are matched by their id (default: the kind), wherever they stand. */
export type RuleChange =
  | { readonly change: "added"; readonly list: RuleList; readonly ruleId: string; readonly rule: JsonObject }
  | {
      readonly change: "removed";
      readonly list: RuleList;
      readonly ruleId: string;
      readonly rule: JsonObject;
    }
  | {
      readonly change: "changed";
      readonly list: RuleList;
      readonly ruleId: string;
      /** Paths from the rule, such as `$.limit`. */
      readonly values: readonly ValueChange[];
    };

/** A list whose rules are others, or stand in another order. An absent side: the policy has no such list. */
export interface OrderChange {
  readonly list: RuleList;
  readonly before?: readonly string[];
  readonly after?: readonly string[];
}

/** How one policy differs from another; empty lists mean equal content. */
export interface PolicyDiff {
  /** Outside the rules: selector, priority, mode, ladder, … Paths from the policy. */
  readonly values: readonly ValueChange[];
  readonly rules: readonly RuleChange[];
  readonly order: readonly OrderChange[];
}

/**
 * Compares two policies by structure.
 * @param before The older policy; plain JSON data.
 * @param after The newer policy.
 * @returns Every difference with its old and new value; `applyDiff` turns `before` into `after` with it.
 */
export function diffPolicies(before: Policy, after: Policy): PolicyDiff {
  const [old, next] = [dataOf(before), dataOf(after)];
  const rules: RuleChange[] = [];
  const order: OrderChange[] = [];
  const plain = new Set<string>();
  for (const list of RULE_LISTS) {
    const [oldRules, nextRules] = [rulesById(old[list]), rulesById(next[list])];
    // What is no list of distinct rules is compared like any other value.
    if (oldRules === "unmatched" || nextRules === "unmatched") continue;
    plain.add(list);
    rules.push(...diffRules(list, oldRules, nextRules));
    order.push(...diffOrder(list, oldRules, nextRules));
  }
  const outside = (policy: JsonObject): JsonObject =>
    Object.fromEntries(Object.entries(policy).filter(([name]) => !plain.has(name)));
  return { values: diffValues(outside(old), outside(next)), rules, order };
}

/** Rules by id in order; undefined without a list; `unmatched` where ids cannot tell them apart. */
type RulesById = ReadonlyMap<string, JsonObject> | undefined | "unmatched";

/** Files the rules of a list by id. */
export function rulesById(list: JsonValue | undefined): RulesById {
  if (list === undefined) return undefined;
  if (!Array.isArray(list)) return "unmatched";
  const rules = new Map<string, JsonObject>();
  for (const rule of list) {
    const id: unknown = isJsonObject(rule) ? (rule["id"] ?? rule["rule"]) : undefined;
    if (!isJsonObject(rule) || typeof id !== "string" || rules.has(id)) return "unmatched";
    rules.set(id, rule);
  }
  return rules;
}

type KnownRules = Exclude<RulesById, "unmatched">;

function diffRules(list: RuleList, before: KnownRules, after: KnownRules): readonly RuleChange[] {
  const ids = new Set([...(before?.keys() ?? []), ...(after?.keys() ?? [])]);
  return [...ids].flatMap((ruleId): readonly RuleChange[] => {
    const [old, next] = [before?.get(ruleId), after?.get(ruleId)];
    if (old === undefined) return next === undefined ? [] : [{ change: "added", list, ruleId, rule: next }];
    if (next === undefined) return [{ change: "removed", list, ruleId, rule: old }];
    const values = diffValues(old, next);
    return values.length === 0 ? [] : [{ change: "changed", list, ruleId, values }];
  });
}

function diffOrder(list: RuleList, old: KnownRules, next: KnownRules): readonly OrderChange[] {
  const before = old && [...old.keys()];
  const after = next && [...next.keys()];
  if (diffValues(before, after).length === 0) return [];
  return [{ list, ...(before && { before }), ...(after && { after }) }];
}

/** A policy as the JSON object it is; members that are undefined count as absent. */
export function dataOf(policy: Policy): JsonObject {
  const data: unknown = JSON.parse(JSON.stringify(policy));
  // A policy is an object, so its JSON is one.
  return data as JsonObject;
}
