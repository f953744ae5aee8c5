import { requireChoice, requireText } from "../base/argument.ts";
import type { Ports } from "../base/ports.ts";
import { drain } from "../base/sliced-work.ts";
import type { LoadedPolicy } from "../policy/loaded-policy.ts";
import type { Policy, PolicyDocument, PolicySource } from "../policy/policy.ts";
import { createLoadQueue, type LoadOutcome } from "./load-queue.ts";
import {
  loadInSlices,
  loadOne,
  putInForce,
  recordRefused,
  type PolicyChange,
  type PolicyLoadDeps,
} from "./policy-load.ts";

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
   * Swaps everything one source contributes, at once: nothing else runs until it is done. A load of the source that is
   * not in force yet is dropped.
   * @param source `code`, `server` or `file:<path>`.
   * @param document The whole new content of the source, or its JSON text; unknown data is checked.
   * @throws ConfigError naming every issue; the earlier set stays in force then.
   */
  replaceAll(source: PolicySource, document: PolicyDocument | string): void;
  /**
   * The same while decisions go on: the work is done in slices of at most 2 ms, and all of it is in force at once at
   * the end. Of several loads of a source the one that was started last wins.
   * @param document As for `replaceAll`; it must not be changed until the promise settles. A text is also parsed in
   *   slices.
   * @returns `in_force`, or `superseded` when a later load or `replaceAll` of the source came first.
   * @throws ConfigError (rejects) naming every issue; the earlier set stays in force then.
   * @example await plane.engine.load("server", await response.text());
   */
  load(source: PolicySource, document: PolicyDocument | string): Promise<LoadOutcome>;
  /**
   * Puts on the record that the new content of a source cannot even be read; what is in force stays. Content that is
   * read and refused is on the record by itself.
   * @example plane.engine.recordUnreadable("server", error);
   */
  recordUnreadable(source: PolicySource, error: Error): void;
}

/** What changing policies needs. */
export interface PolicyChangeDeps extends Omit<PolicyLoadDeps, "hash"> {
  readonly ports: Pick<Ports, "hash" | "clock" | "defer">;
}

/** Wires the changes to a policy set. */
export function createPolicyChanges({ ports, ...rest }: PolicyChangeDeps): PolicyChanges {
  const { set } = rest;
  const deps: PolicyLoadDeps = { ...rest, hash: ports.hash };
  const queue = createLoadQueue(ports);
  const changeCode = (
    policies: ReadonlyMap<string, LoadedPolicy>,
    change: Omit<PolicyChange, "source" | "next">,
  ): void => {
    const next = { ...set.sourceSet("code"), policies };
    drain(drain(putInForce({ ...change, source: "code", next }, deps)));
  };
  return {
    addPolicy(policy) {
      queue.finish("code");
      const { loaded, rules } = loadOne(policy, deps);
      const { id } = loaded.policy;
      const policies = new Map(set.sourceSet("code").policies);
      policies.delete(id);
      policies.set(id, loaded);
      changeCode(policies, { action: "policy_added", subject: id, rules });
    },
    removePolicy(id) {
      requireText("engine.removePolicy: id", id);
      queue.finish("code");
      const policies = new Map(set.sourceSet("code").policies);
      if (!policies.delete(id)) return false;
      changeCode(policies, { action: "policy_removed", subject: id, rules: new Map() });
      return true;
    },
    replaceAll(source, document) {
      requireSource("engine.replaceAll: source", source);
      queue.drop(source);
      drain(drain(loadInSlices(source, document, deps)));
    },
    async load(source, document) {
      requireSource("engine.load: source", source);
      return queue.start(source, loadInSlices(source, document, deps));
    },
    recordUnreadable(source, error) {
      requireSource("engine.recordUnreadable: source", source);
      recordRefused(error, { source, subject: source }, deps);
    },
  };
}

/** A misspelt source would be one more, whose policies nobody replaces or removes. */
function requireSource(where: string, source: unknown): void {
  if (typeof source === "string" && source.startsWith("file:") && source.length > "file:".length) return;
  requireChoice(where, source, SOURCES);
}

const SOURCES = ["code", "server", "file:<path>"];
