import { isJsonObject, type JsonObject, type JsonValue } from "../base/json.ts";
import type { Policy, PolicyDocument } from "../policy/policy.ts";
import type { ToolTraits } from "../policy/traits.ts";
import type { RuleRegistry } from "../rules/registry.ts";
import { checkHeadroom, checkRuleNames, checkSelector } from "./check-policy.ts";
import { IssueList, type IssuePath } from "./issue-list.ts";
import { refuseLiteralSecrets } from "./literal-secret.ts";
import { checkRules } from "./parse-rules.ts";
import { readDocument } from "./read-document.ts";
import { documentSchema, policySchema } from "./schema.ts";
import { checkAgainst } from "./zod-issues.ts";

/** What reading needs to know beside the data. */
export interface ParseOptions {
  /** Names the configuration in errors: `file:agentplane.yaml`, `code`. */
  readonly source: string;
  readonly registry: RuleRegistry;
  /** Every hookpoint that exists, custom ones included. */
  readonly hookpoints: readonly string[];
}

/** A policy document that passed every check; frozen copies, independent of what was passed in. */
export interface ParsedDocument {
  readonly policies: readonly Policy[];
  /** By tool name in NFC. */
  readonly tools: Readonly<Record<string, ToolTraits>>;
  /** Undefined when the document leaves it to the plane. */
  readonly defaultEffect: PolicyDocument["defaultEffect"];
}

/**
 * Reads a whole policy document, from a parsed file or from code.
 * @param document `{ apiVersion, policies, tools?, defaultEffect? }`, anything else is refused.
 * @throws ConfigError (`config_invalid`) with every issue and its JSON path
 * @example parsePolicies(JSON.parse(text), { source: "file:policy.json", registry, hookpoints: HOOKPOINTS });
 */
export function parsePolicies(document: unknown, options: ParseOptions): ParsedDocument {
  const issues = new IssueList();
  const copy = readDocument(document, issues);
  issues.throwIfAny(options.source);
  checkAgainst(documentSchema, copy, { path: [], issues });
  const read = isJsonObject(copy) ? copy : {};
  checkPolicies(read["policies"], issues, options);
  refuseLiteralSecrets(read, issues);
  const tools = readTools(read["tools"], issues);
  issues.throwIfAny(options.source);
  const checked: unknown = read;
  // Every member was checked above, and no issue was found.
  const { policies, defaultEffect } = checked as PolicyDocument;
  return { policies, tools, defaultEffect };
}

/**
 * Reads one policy, such as one given in code.
 * @param path What issues are reported under, such as `policies[0]`; empty for the policy itself.
 * @returns A frozen copy.
 * @throws ConfigError (`config_invalid`) with every issue
 */
export function parsePolicy(value: unknown, path: string, options: ParseOptions): Policy {
  const issues = new IssueList(path);
  const copy = readDocument(value, issues);
  issues.throwIfAny(options.source);
  if (copy !== undefined) {
    checkPolicy(copy, { path: [], issues, options });
    refuseLiteralSecrets(copy, issues);
  }
  issues.throwIfAny(options.source);
  const checked: unknown = copy;
  // Every member was checked above, and no issue was found.
  return checked as Policy;
}

function checkPolicies(list: JsonValue | undefined, issues: IssueList, options: ParseOptions): void {
  if (!Array.isArray(list)) return;
  const firstById = new Map<string, number>();
  for (const [position, value] of list.entries()) {
    const path = ["policies", position];
    checkPolicy(value, { path, issues, options });
    const id: unknown = isJsonObject(value) ? value["id"] : undefined;
    if (typeof id !== "string") continue;
    const first = firstById.get(id);
    if (first === undefined) firstById.set(id, position);
    else
      issues.add(
        [...path, "id"],
        `"${id}" is already the id of policies[${first}]`,
        "give each policy its own id",
      );
  }
}

function checkPolicy(
  value: JsonValue,
  { path, issues, options }: { path: IssuePath; issues: IssueList; options: ParseOptions },
): void {
  checkAgainst(policySchema, value, { path, issues });
  if (!isJsonObject(value)) return;
  const { registry, hookpoints } = options;
  const rules = (["blocking", "nonBlocking"] as const).flatMap((timing) =>
    checkRules(value[timing], { timing, path, issues, registry }),
  );
  checkRuleNames(rules, issues);
  checkHeadroom(value, { path, issues, rules });
  checkSelector(value["selector"], { path: [...path, "selector"], issues, hookpoints });
}

function readTools(value: JsonValue | undefined, issues: IssueList): Readonly<Record<string, ToolTraits>> {
  const tools: Record<string, JsonObject> = {};
  for (const [name, traits] of Object.entries(isJsonObject(value) ? value : {})) {
    const normal = name.normalize("NFC");
    if (Object.hasOwn(tools, normal))
      issues.add(["tools", name], "is declared twice (the same name after NFC)");
    if (isJsonObject(traits)) tools[normal] = traits;
  }
  // Each was checked against the traits' schema; issues end the load before this is used.
  return Object.freeze(tools);
}
