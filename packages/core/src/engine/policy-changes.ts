import { canonicalJson } from "../base/canonical-json.ts";
import type { Hash } from "../base/ports.ts";
import { ConfigError } from "../base/errors.ts";
import { parsePolicies, parsePolicy } from "../load/parse.ts";
import type { LoadedPolicy } from "../policy/loaded-policy.ts";
import type { Policy, PolicyDocument, PolicySource } from "../policy/policy.ts";
import type { RuleRegistry } from "../rules/registry.ts";
import type { ControlRecord } from "../audit/audit-record.ts";
import type { PolicySet, SourceSet } from "./policy-set.ts";

/** How policies come into force and leave it; every change is atomic and checked first. */
export interface PolicyChanges {
  /**
   * Adds a policy to the source `code`, or replaces the one of the same id there.
   * @throws ConfigError; nothing has changed then.
   */
  addPolicy(policy: Policy): void;
  /** Removes a policy of the source `code`; false when there is none of that id. */
  removePolicy(id: string): boolean;
  /**
   * Swaps everything one source contributes, at once.
   * @param source `code`, `server` or `file:<path>`.
   * @param document The whole new content of the source; unknown data is checked.
   * @throws ConfigError naming every issue; the earlier set stays in force then.
   */
  replaceAll(source: PolicySource, document: PolicyDocument): void;
}

/** What changing policies needs. */
export interface PolicyChangeDeps {
  readonly set: PolicySet;
  readonly registry: RuleRegistry;
  readonly hookpoints: readonly string[];
  readonly hash: Hash;
  readonly record: (record: Omit<ControlRecord, "kind" | "at">) => void;
}

/** Wires the changes to a policy set. */
export function createPolicyChanges({
  set,
  registry,
  hookpoints,
  hash,
  record,
}: PolicyChangeDeps): PolicyChanges {
  const load = (policy: Policy, source: PolicySource): LoadedPolicy =>
    Object.freeze({
      policy: deepFreeze(policy),
      source,
      contentHash: `sha256:${hash.sha256(canonicalJson(policy))}`,
    });
  /** Also what cannot even be read is on the record: a broken change is loud and changes nothing. */
  const orRecord = <T>(source: PolicySource, subject: string, work: () => T): T => {
    try {
      return work();
    } catch (error) {
      record({ action: "configuration_error", by: source, subject, reason: issueText(error) });
      throw error;
    }
  };
  const swap = (source: PolicySource, next: SourceSet, action: string, subject: string): void => {
    orRecord(source, subject, () => set.replace(source, next));
    record({
      action,
      by: source,
      subject,
      data: { revision: set.current.revision, policies: next.policies.length },
    });
  };
  const inCode = (): SourceSet => set.sourceSet("code");
  return {
    addPolicy(policy) {
      const parsed = orRecord("code", "policy", () =>
        parsePolicy(policy, "", { source: "code", registry, hookpoints }),
      );
      const others = inCode().policies.filter(({ policy: { id } }) => id !== parsed.id);
      swap("code", { ...inCode(), policies: [...others, load(parsed, "code")] }, "policy_added", parsed.id);
    },
    removePolicy(id) {
      const kept = inCode().policies.filter(({ policy }) => policy.id !== id);
      if (kept.length === inCode().policies.length) return false;
      swap("code", { ...inCode(), policies: kept }, "policy_removed", id);
      return true;
    },
    replaceAll(source, document) {
      const parsed = orRecord(source, source, () =>
        parsePolicies(document, { source, registry, hookpoints }),
      );
      const next: SourceSet = {
        policies: parsed.policies.map((policy) => load(policy, source)),
        tools: parsed.tools,
        defaultEffect: parsed.defaultEffect,
      };
      swap(source, next, "policies_replaced", source);
    },
  };
}

function issueText(error: unknown): string {
  return error instanceof ConfigError
    ? error.issues.map(({ path, message }) => `${path}: ${message}`).join("; ")
    : "failed";
}

function deepFreeze<T>(value: T): T {
  if (typeof value !== "object" || value === null || Object.isFrozen(value)) return value;
  for (const member of Object.values(value)) deepFreeze(member);
  return Object.freeze(value);
}
