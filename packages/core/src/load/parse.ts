import { isJsonObject, type JsonObject, type JsonValue } from "../base/json.ts";
import { PartedMap } from "../base/parted-map.ts";
import { drain, Pace, RULES_PER_STEP, type SlicedWork } from "../base/sliced-work.ts";
import type { Policy, PolicyDocument } from "../policy/policy.ts";
import type { ToolTraits } from "../policy/traits.ts";
import type { RuleRegistry } from "../rules/registry.ts";
import { checkHeadrooms, checkRuleNames, checkSelector } from "./check-policy.ts";
import type { KnownPolicy } from "./document-reader.ts";
import { IssueList, type IssuePath } from "./issue-list.ts";
import { refuseLiteralSecrets } from "./literal-secret.ts";
import { isOrdinaryPolicy } from "./ordinary-policy.ts";
import { checkRules } from "./parse-rules.ts";
import { readInSlices, readPolicy, type ReadDocument } from "./read-document.ts";
import type { PolicyPart, PolicyRules } from "./rule-part.ts";
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

/** What else a reader may ask for who puts the policies into force. */
export interface LoadOptions extends ParseOptions {
  /** Policies that passed every check of this registry before, by id; default: none. */
  readonly known?: ReadonlyMap<string, KnownPolicy>;
  /** How many members the objects of the document have in its text; default: it was never one. */
  readonly memberCount?: number | undefined;
}

/** A policy document that passed every check; frozen copies, independent of what was passed in. */
export interface ParsedDocument {
  readonly policies: readonly Policy[];
  /** By tool name in NFC. */
  readonly tools: Readonly<Record<string, ToolTraits>>;
  /** Undefined when the document leaves it to the plane. */
  readonly defaultEffect: PolicyDocument["defaultEffect"];
}

/** The same with what is known of each policy. */
export interface CheckedDocument extends Omit<ParsedDocument, "policies">, CheckedPolicies {}

/** Policies that passed every check, in the order of the document and by id. */
export interface CheckedPolicies {
  readonly policies: readonly CheckedPolicy[];
  readonly byId: { get(id: string): CheckedPolicy | undefined };
}

/** A policy that passed every check. */
export interface CheckedPolicy {
  readonly policy: Policy;
  /** Its rules; undefined when the policy was checked before. */
  readonly rules: PolicyRules | undefined;
}

/**
 * Reads a whole policy document, from a parsed file or from code.
 * @param document `{ apiVersion, policies, tools?, defaultEffect? }`, anything else is refused.
 * @throws ConfigError (`config_invalid`) with every issue and its JSON path
 * @example parsePolicies(JSON.parse(text), { source: "file:policy.json", registry, hookpoints: HOOKPOINTS });
 */
export function parsePolicies(document: unknown, options: ParseOptions): ParsedDocument {
  const { policies, tools, defaultEffect } = drain(parseInSlices(document, options));
  return { policies: policies.map(({ policy }) => policy), tools, defaultEffect };
}

/** The same, a policy at a time. The document must not change meanwhile. */
export function* parseInSlices(document: unknown, options: LoadOptions): SlicedWork<CheckedDocument> {
  const issues = new IssueList();
  const read = yield* readInSlices(document, issues, {
    known: options.known,
    // What came as a text has just been parsed.
    isOwned: options.memberCount !== undefined,
  });
  issues.throwIfAny(options.source);
  if (options.memberCount !== undefined && options.memberCount !== read.memberCount) {
    // Which of the two was meant nobody knows; JSON.parse takes the later one without a word.
    issues.add([], "has an object in which a name stands twice", "write each name once");
  }
  const copy = isJsonObject(read.copy) ? read.copy : {};
  // The schema would walk over all policies, which are checked one by one.
  const frame = Array.isArray(copy["policies"]) ? { ...copy, policies: [] } : read.copy;
  checkAgainst(documentSchema, frame, { path: [], issues });
  const { suspicious, ...checkedPolicies } = yield* checkPolicies(read.policies, issues, options);
  yield* refuseSecrets(copy, { ...read, suspicious }, issues);
  const tools = readTools(copy["tools"], issues);
  issues.throwIfAny(options.source);
  const checked: unknown = copy;
  // Every member was checked above, and no issue was found.
  const { defaultEffect } = checked as PolicyDocument;
  return { ...checkedPolicies, tools, defaultEffect };
}

/**
 * Reads one policy, such as one given in code.
 * @param path What issues are reported under, such as `policies[0]`; empty for the policy itself.
 * @returns A frozen copy.
 * @throws ConfigError (`config_invalid`) with every issue
 */
export function parsePolicy(value: unknown, path: string, options: ParseOptions): Policy {
  return loadPolicy(value, path, options).policy;
}

/** The same with what is known of it. */
export function loadPolicy(value: unknown, path: string, options: LoadOptions): CheckedPolicy {
  const issues = new IssueList(path);
  const part = readPolicy(value, issues, options);
  issues.throwIfAny(options.source);
  // What could not be read has been reported.
  if (part === undefined) throw new TypeError("a policy that was not read has no issue");
  const checked = checkPolicy(part, { path: [], issues, options });
  if (part.findings.mayHoldSecret) refuseLiteralSecrets(part.copy, issues);
  issues.throwIfAny(options.source);
  return checked;
}

function* checkPolicies(
  parts: readonly PolicyPart[],
  issues: IssueList,
  options: LoadOptions,
): SlicedWork<CheckedPolicies & Suspicious> {
  const policies: CheckedPolicy[] = [];
  const suspicious: number[] = [];
  const byId = new PartedMap<CheckedPolicy>();
  const pace = new Pace(RULES_PER_STEP);
  for (let position = 0; position < parts.length; position++) {
    const part = parts[position]!;
    const path = ["policies", position];
    const checked = checkPolicy(part, { path, issues, options });
    policies.push(checked);
    if (part.findings.mayHoldSecret) suspicious.push(position);
    const id = idOf(part);
    const first = id === undefined ? undefined : byId.get(id);
    if (id !== undefined && first === undefined) byId.set(id, checked);
    if (first !== undefined) {
      issues.add(
        [...path, "id"],
        `"${id}" is already the id of policies[${policies.indexOf(first)}]`,
        "give each policy its own id",
      );
    }
    if (pace.isDue(1 + part.blocking.length + part.nonBlocking.length)) yield;
  }
  return { policies, byId, suspicious };
}

function checkPolicy(
  part: PolicyPart,
  { path, issues, options }: { path: IssuePath; issues: IssueList; options: LoadOptions },
): CheckedPolicy {
  const { copy: value } = part;
  const checked: unknown = value;
  // Nobody sees what is returned when an issue was found in it.
  const policy = checked as Policy;
  const id = idOf(part);
  const isKnown = id !== undefined && options.known?.get(id)?.policy === policy;
  if (isKnown) return { policy, rules: undefined };
  if (!isOrdinaryPolicy(value)) checkAgainst(policySchema, value, { path, issues });
  if (!isJsonObject(value)) return { policy, rules: undefined };
  const { registry, hookpoints } = options;
  checkRules(part.blocking, { timing: "blocking", path, issues, registry });
  checkRules(part.nonBlocking, { timing: "nonBlocking", path, issues, registry });
  checkRuleNames(part, { path, issues });
  checkHeadrooms(value, { path, issues, rules: part });
  checkSelector(value["selector"], { path, issues, hookpoints });
  return { policy, rules: part };
}

function idOf({ copy }: PolicyPart): string | undefined {
  const id = isJsonObject(copy) ? copy["id"] : undefined;
  return typeof id === "string" ? id : undefined;
}

/** The positions of policies that may hold a literal secret. */
interface Suspicious {
  readonly suspicious: readonly number[];
}

/** In the order in which a search of the whole document would find them, a policy per step. */
function* refuseSecrets(
  document: JsonObject,
  { policies, suspicious, mayHoldSecret }: ReadDocument & Suspicious,
  issues: IssueList,
): SlicedWork<void> {
  for (const [name, member] of Object.entries(document)) {
    if (name !== "policies" || !Array.isArray(member)) {
      if (mayHoldSecret) refuseLiteralSecrets({ [name]: member }, issues);
      continue;
    }
    for (const position of suspicious) {
      refuseLiteralSecrets(policies[position]!.copy, issues, ["policies", position]);
      yield;
    }
  }
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
