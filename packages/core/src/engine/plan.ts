import type { PolicyContext } from "../context/context.ts";
import type { BoundLimit } from "./bound-limit.ts";
import type { CompiledEntry, CompiledPolicy } from "./compiled-policy.ts";

/**
 * Everything that concerns one (hookpoint, tenant, tool, agent): found once, remembered by the index, shared by the
 * agents that meet the same policies. Only users and tags are left to check per call.
 */
export interface Plan {
  readonly policies: readonly CompiledPolicy[];
  /** Enforcing rules with an opinion, a limit or a duty, in candidate order. */
  readonly entries: readonly CompiledEntry[];
  readonly shadow: readonly CompiledEntry[];
  readonly observers: readonly CompiledEntry[];
  readonly audits: readonly CompiledEntry[];
  /** Every rule that declares limits: enforcing first, then shadow, then observers. */
  readonly limited: readonly CompiledEntry[];
  /** What the last call of each agent was bound to; see `bindLimits`. */
  readonly boundBefore: Map<string, BoundLimit[]>;
  /** Some policy selects by user or tags, so that `isLive` must be asked. */
  readonly isDynamic: boolean;
  /** Some rule reads the session's history. */
  readonly needsSession: boolean;
  /** Some enforcing policy matches, before users and tags. */
  readonly hasPolicy: boolean;
}

/** Tells whether a planned rule's policy also matches by user and tags. */
export function isLive(entry: CompiledEntry, context: PolicyContext): boolean {
  const { matchesDynamic } = entry.policy;
  return matchesDynamic === undefined || matchesDynamic(context);
}

/**
 * Sorts the matching policies' rules into a plan.
 * @param policies Matching policies in candidate order.
 * @param hookpoint Where we are: rules that do not look here are left out.
 */
export function planOf(policies: readonly CompiledPolicy[], hookpoint: string): Plan {
  const entries: CompiledEntry[] = [];
  const shadow: CompiledEntry[] = [];
  const observers: CompiledEntry[] = [];
  const audits: CompiledEntry[] = [];
  for (const policy of policies) {
    for (const entry of policy.entries) {
      if (entry.hookpoints !== undefined && !entry.hookpoints.has(hookpoint)) continue;
      if (entry.timing === "blocking") (policy.isShadow ? shadow : entries).push(entry);
      // A shadow policy neither alerts nor decides what a record contains.
      else if (policy.isShadow) continue;
      else if (entry.rule.audit !== undefined) audits.push(entry);
      else observers.push(entry);
    }
  }
  return {
    policies,
    entries,
    shadow,
    observers,
    audits,
    limited: [...entries, ...shadow, ...observers].filter(({ rule }) => rule.limits !== undefined),
    boundBefore: new Map(),
    isDynamic: policies.some(({ matchesDynamic }) => matchesDynamic !== undefined),
    needsSession: [...entries, ...shadow].some(({ readsSession }) => readsSession),
    hasPolicy: policies.some(({ isShadow }) => !isShadow),
  };
}
