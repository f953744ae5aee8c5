import { suggest } from "../base/did-you-mean.ts";
import { deepFrozen } from "../base/deeply-frozen.ts";
import { isJsonObject, type JsonObject, type JsonValue } from "../base/json.ts";
import { isBuiltInRule, type RuleRegistry } from "../rules/registry.ts";
import type { RuleKind, RuleTiming } from "../rules/rule.ts";
import type { IssueList, IssuePath } from "./issue-list.ts";
import type { RulePart } from "./rule-part.ts";
import { idSchema } from "./schema.ts";
import { checkAgainst, shapeKeys, suggestField } from "./zod-issues.ts";

/** Which list rules are in, where the policy lies, who receives the issues. */
export interface RuleListPlace {
  readonly timing: RuleTiming;
  readonly path: IssuePath;
  readonly issues: IssueList;
  readonly registry: RuleRegistry;
}

/**
 * Checks the rules of one list: kind, timing, id, and the kind's own parameters. What a rule that was accepted says is
 * accepted wherever it stands again.
 * @param parts The rules of `blocking` or `nonBlocking` of a policy; each receives what could be read of it.
 */
export function checkRules(parts: readonly RulePart[], at: RuleListPlace): void {
  for (let position = 0; position < parts.length; position++) {
    const part = parts[position]!;
    if (part.accepted?.kind.timing !== at.timing) checkPart(part, position, at);
  }
}

function checkPart(part: RulePart, position: number, at: RuleListPlace): void {
  const { issues, timing } = at;
  const issuesBefore = issues.count;
  const rule = checkRule(part.spec, { ...at, path: [...at.path, timing, position] });
  part.read = rule;
  // Whatever finds something is checked at every place again: each place is an issue of its own.
  if (issues.count === issuesBefore) part.accepted = rule;
}

function checkRule(value: JsonValue, place: RuleListPlace): RulePart["accepted"] {
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
  const params = checkParameters(kind, parameters, place);
  return { kind, params, id: id === undefined || typeof id === "string" ? id : "" };
}
function reportKind(
  name: JsonValue | undefined,
  value: JsonObject,
  { path, issues, registry }: RuleListPlace,
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

/** Returns what the schema made of the parameters, if they may be used more than once. */
function checkParameters(kind: RuleKind, parameters: JsonObject, { path, issues }: RuleListPlace): unknown {
  let params: unknown;
  try {
    params = checkAgainst(kind.params, parameters, { path, issues });
  } catch {
    // A custom kind's schema may throw or need a promise; what it threw may quote the value.
    issues.add(
      path,
      `the parameter schema of "${kind.kind}" could not be applied`,
      "its schema must be synchronous",
    );
    return undefined;
  }
  // A custom kind may have forgotten strictness; still nothing is ignored in silence.
  const known = dropsUnknown(kind) ? shapeKeys(kind.params) : [];
  for (const key of known.length > 0 ? Object.keys(parameters) : [])
    if (!known.includes(key)) issues.add([...path, key], "is not a known field", suggestField(key, known));
  // A kind of the user's own may change what it is given, or keep it as its own state: it gets its own each time.
  return isBuiltInRule(kind) ? deepFrozen(params) : undefined;
}

function dropsUnknown({ params }: RuleKind): boolean {
  const { def } = params._zod;
  return !("catchall" in def) || def.catchall === undefined;
}

function quote(text: string): string {
  return JSON.stringify(text.length > 64 ? `${text.slice(0, 64)}…` : text);
}
