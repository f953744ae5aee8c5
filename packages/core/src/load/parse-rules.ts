import { suggest } from "../base/did-you-mean.ts";
import { isJsonObject, type JsonObject, type JsonValue } from "../base/json.ts";
import type { RuleRegistry } from "../rules/registry.ts";
import type { RuleKind, RuleTiming } from "../rules/rule.ts";
import type { IssueList, IssuePath } from "./issue-list.ts";
import { idSchema } from "./schema.ts";
import { checkAgainst, shapeKeys, suggestField } from "./zod-issues.ts";

/** A rule of a policy, as far as it could be read. */
export interface ReadRule {
  readonly path: IssuePath;
  readonly kind: string;
  /** As written, also when it is not a good one; undefined when the rule goes by its kind. */
  readonly id: string | undefined;
}

/**
 * Checks the rules of one list: kind, timing, id, and the kind's own parameters.
 * @param list The copied `blocking` or `nonBlocking` of a policy.
 * @param at Which list it is, where it lies, who receives the issues.
 * @returns The rules whose kind and id could be read.
 */
export function checkRules(
  list: JsonValue | undefined,
  at: { timing: RuleTiming; path: IssuePath; issues: IssueList; registry: RuleRegistry },
): readonly ReadRule[] {
  if (!Array.isArray(list)) return [];
  const read: ReadRule[] = [];
  for (const [position, value] of list.entries()) {
    const path = [...at.path, at.timing, position];
    const rule = checkRule(value, { ...at, path });
    if (rule !== undefined) read.push(rule);
  }
  return read;
}

interface RulePlace {
  readonly timing: RuleTiming;
  readonly path: IssuePath;
  readonly issues: IssueList;
  readonly registry: RuleRegistry;
}

function checkRule(value: JsonValue, place: RulePlace): ReadRule | undefined {
  const { path, issues, registry } = place;
  if (!isJsonObject(value)) {
    issues.add(path, "must be a rule, an object", 'write { rule: "rate", limit: 10, window: "1m" }');
    return undefined;
  }
  const { rule: name, id, ...parameters } = value;
  const kind = typeof name === "string" ? registry.get(name) : undefined;
  if (kind === undefined) {
    reportKind(name, value, place);
    return undefined;
  }
  if (kind.timing !== place.timing) {
    const does = kind.timing === "blocking" ? "takes part in the decision" : "only watches";
    issues.add([...path, "rule"], `"${kind.kind}" ${does}`, `move it to ${kind.timing}`);
  }
  if (id !== undefined) checkAgainst(idSchema, id, { path: [...path, "id"], issues });
  checkParameters(kind, parameters, place);
  return { path, kind: kind.kind, id: id === undefined || typeof id === "string" ? id : "" };
}

function reportKind(
  name: JsonValue | undefined,
  value: JsonObject,
  { path, issues, registry }: RulePlace,
): void {
  if (typeof name === "string") {
    issues.add([...path, "rule"], `unknown rule ${quote(name)}`, suggest(name, registry.kinds));
    return;
  }
  if (name !== undefined) {
    issues.add(
      [...path, "rule"],
      "must be the name of a rule kind",
      `use one of ${registry.kinds.join(", ")}`,
    );
    return;
  }
  const nested = Object.keys(value).find((key) => registry.get(key) !== undefined);
  const hint =
    nested === undefined
      ? `use one of ${registry.kinds.join(", ")}`
      : `write { rule: "${nested}", … } with its fields beside it`;
  issues.add([...path, "rule"], "is required: it names the kind of rule", hint);
}

function checkParameters(kind: RuleKind, parameters: JsonObject, { path, issues }: RulePlace): void {
  try {
    checkAgainst(kind.params, parameters, { path, issues });
  } catch {
    // A custom kind's schema may throw or need a promise; what it threw may quote the value.
    issues.add(
      path,
      `the parameter schema of "${kind.kind}" could not be applied`,
      "its schema must be synchronous",
    );
    return;
  }
  // A custom kind may have forgotten strictness; still nothing is ignored in silence.
  const known = shapeKeys(kind.params);
  if (known.length === 0 || !dropsUnknown(kind)) return;
  for (const key of Object.keys(parameters)) {
    if (!known.includes(key)) issues.add([...path, key], "is not a known field", suggestField(key, known));
  }
}

function dropsUnknown({ params }: RuleKind): boolean {
  const { def } = params;
  return !("catchall" in def) || def.catchall === undefined;
}

function quote(text: string): string {
  return JSON.stringify(text.length > 64 ? `${text.slice(0, 64)}…` : text);
}
