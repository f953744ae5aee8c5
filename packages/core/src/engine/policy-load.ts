import { ConfigError } from "../base/errors.ts";
import type { JsonObject } from "../base/json.ts";
import type { Ports } from "../base/ports.ts";
import type { SlicedWork } from "../base/sliced-work.ts";
import type { ControlRecord } from "../audit/audit-record.ts";
import { parseJsonInSlices, type ParsedJson } from "../load/json-in-slices.ts";
import { loadPolicy, parseInSlices, type CheckedPolicy, type LoadOptions } from "../load/parse.ts";
import { isSameData } from "../load/same-data.ts";
import { HashedLater, type LoadedPolicy } from "../policy/loaded-policy.ts";
import type { PolicySource } from "../policy/policy.ts";
import type { RuleRegistry } from "../rules/registry.ts";
import type { SourceSet } from "./assemble-policies.ts";
import type { CheckedRules, PolicySet } from "./policy-set.ts";

/** What loading policies needs. */
export interface PolicyLoadDeps {
  readonly set: PolicySet;
  readonly registry: RuleRegistry;
  readonly hookpoints: readonly string[];
  readonly hash: Ports["hash"];
  readonly record: (record: Omit<ControlRecord, "kind" | "at">) => void;
}

/** A source's next content. */
export interface PolicyChange {
  readonly source: PolicySource;
  readonly next: SourceSet;
  readonly rules: CheckedRules;
  /** For the record: what was done, to what. */
  readonly action: string;
  readonly subject: string;
}

/**
 * Loads a whole document, from reading to the swap; after each step others may decide.
 * @param document Anything; a text is JSON.
 * @returns What is left to do once it is in force.
 * @throws ConfigError, recorded; nothing has changed then.
 */
export function* loadInSlices(
  source: PolicySource,
  document: unknown,
  deps: PolicyLoadDeps,
): SlicedWork<SlicedWork<void>> {
  const at = { source, subject: source };
  const { next, rules } = yield* recorded(checkInSlices(source, document, deps), at, deps);
  return yield* putInForce({ source, next, rules, action: "policies_replaced", subject: source }, deps);
}

/** Reads one policy of `code`. @throws ConfigError, recorded. */
export function loadOne(
  policy: unknown,
  deps: PolicyLoadDeps,
): { readonly loaded: LoadedPolicy; readonly rules: CheckedRules } {
  const known = deps.set.sourceSet("code").policies;
  try {
    const checked = loadPolicy(policy, "", optionsOf("code", known, deps));
    return { loaded: loadedOf(checked, "code", deps), rules: { get: () => checked } };
  } catch (error) {
    throw recordRefused(error, { source: "code", subject: "policy" }, deps);
  }
}

/** Compiles and swaps in what was checked. @throws ConfigError, recorded. */
export function* putInForce(change: PolicyChange, deps: PolicyLoadDeps): SlicedWork<SlicedWork<void>> {
  const { source, next, rules, action, subject } = change;
  const retired = yield* recorded(deps.set.replace(source, next, rules), { source, subject }, deps);
  const { revision } = deps.set.current;
  deps.record({ action, by: source, subject, data: { revision, policies: next.policies.size } });
  return retired;
}

type Known = ReadonlyMap<string, LoadedPolicy>;

function* checkInSlices(
  source: PolicySource,
  document: unknown,
  deps: PolicyLoadDeps,
): SlicedWork<Pick<PolicyChange, "next" | "rules">> {
  const isText = typeof document === "string";
  const json: ParsedJson | undefined = isText ? yield* parseJsonInSlices(document, source) : undefined;
  // What is in force now: a change of this source ends or drops this load first.
  const known = deps.set.sourceSet(source).policies;
  const options = { ...optionsOf(source, known, deps), memberCount: json?.memberCount };
  const checked = yield* parseInSlices(json === undefined ? document : json.value, options);
  const { tools, defaultEffect } = checked;
  const policies = new Map<string, LoadedPolicy>();
  for (const one of checked.policies) {
    policies.set(one.policy.id, loadedOf(one, source, deps));
    if (policies.size % POLICIES_PER_STEP === 0) yield;
  }
  return { next: { policies, tools, defaultEffect }, rules: checked.byId };
}

const POLICIES_PER_STEP = 64;

function optionsOf(source: PolicySource, known: Known, deps: PolicyLoadDeps): LoadOptions {
  const { registry, hookpoints } = deps;
  return {
    source,
    registry,
    hookpoints,
    // Registry and hookpoints are the plane's own, so what was right is right.
    known,
  };
}

/** The same content is the same object, so that nothing is compiled again that did not change. */
function loadedOf(
  { policy }: CheckedPolicy,
  source: PolicySource,
  { set, hash }: PolicyLoadDeps,
): LoadedPolicy {
  const before = set.sourceSet(source).policies.get(policy.id);
  if (before === undefined) return new HashedLater(policy, source, hash);
  // A policy that was read is JSON, which its type cannot say.
  const known = before.policy as unknown as JsonObject;
  const isSame = before.policy === policy || isSameData(policy, known, { chars: 0, members: 0 });
  return isSame ? before : new HashedLater(policy, source, hash);
}

function* recorded<T>(
  work: SlicedWork<T>,
  at: Pick<PolicyChange, "source" | "subject">,
  deps: PolicyLoadDeps,
): SlicedWork<T> {
  try {
    return yield* work;
  } catch (error) {
    throw recordRefused(error, at, deps);
  }
}

/** Also what cannot even be read is on the record: a broken change is loud and changes nothing. */
export function recordRefused(
  error: unknown,
  { source, subject }: Pick<PolicyChange, "source" | "subject">,
  { record }: PolicyLoadDeps,
): unknown {
  record({ action: "configuration_error", by: source, subject, reason: issueText(error) });
  return error;
}

function issueText(error: unknown): string {
  return error instanceof ConfigError
    ? error.issues.map(({ path, message }) => `${path === "" ? "(root)" : path}: ${message}`).join("; ")
    : "failed";
}
