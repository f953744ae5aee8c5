import type { PolicyContext } from "../context/context.ts";
import type { RedactObligation, RedactSurface } from "../decision/obligation.ts";
import type { BoundLimits } from "./bound-limit.ts";
import type { CompiledEntry, CompiledPolicy } from "./compiled-policy.ts";
import { createDecidedTable, type DecidedTable } from "./decided-before.ts";
import { NO_DUTIES, type OwnedObligation } from "./owned-obligation.ts";

/**
 * Everything that concerns one (hookpoint, tenant, tool, agent): found once, remembered by the index, shared by the
 * agents that meet the same policies. Only users and tags are left to check per call.
 */
export interface Plan {
  /** Enforcing rules with an opinion, a limit or a duty, in candidate order. */
  readonly entries: readonly CompiledEntry[];
  readonly shadow: readonly CompiledEntry[];
  /** Some policy selects by user or tags, so that `isLive` must be asked. */
  readonly isDynamic: boolean;
  /** Some rule reads the session's history. */
  readonly needsSession: boolean;
  /** Some enforcing policy matches, before users and tags. */
  readonly hasPolicy: boolean;
  /**
   * The standing duties of the entries before each position, and of all at the end. Where none may be left out, calls
   * share these lists.
   */
  readonly dutiesBefore: readonly (readonly OwnedObligation[])[];
  /** The last of these lists. */
  readonly allDuties: readonly OwnedObligation[];
  /** The redactions among all its duties, by surface; filled in when they are first asked for. */
  readonly redactions: { [Surface in RedactSurface]?: readonly RedactObligation[] };
  /** The decisions that this plan led to; see `templateBefore`. */
  readonly decided: DecidedTable;
  /** Every rule that declares limits: enforcing first, then shadow, then observers. */
  readonly limited: readonly CompiledEntry[];
  readonly observers: readonly CompiledEntry[];
  readonly audits: readonly CompiledEntry[];
  /** What the last call of each agent was bound to; see `bindLimits`. */
  readonly boundBefore: Map<string, BoundLimits>;
  readonly policies: readonly CompiledPolicy[];
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
  const lists = dutiesBefore(entries);
  return {
    entries: shared(entries),
    shadow: shared(shadow),
    isDynamic: policies.some(({ matchesDynamic }) => matchesDynamic !== undefined),
    needsSession: [...entries, ...shadow].some(({ readsSession }) => readsSession),
    hasPolicy: policies.some(({ isShadow }) => !isShadow),
    dutiesBefore: lists,
    allDuties: lists.at(-1) ?? NO_DUTIES,
    redactions: {},
    decided: createDecidedTable(),
    limited: shared([...entries, ...shadow, ...observers].filter(({ rule }) => rule.limits !== undefined)),
    observers: shared(observers),
    audits: shared(audits),
    boundBefore: new Map(),
    policies,
  };
}

const NO_ENTRIES: readonly CompiledEntry[] = Object.freeze([]);

/** One empty list for all plans: a list of its own would have to be fetched to see that it is empty. */
function shared(entries: readonly CompiledEntry[]): readonly CompiledEntry[] {
  return entries.length === 0 ? NO_ENTRIES : entries;
}

/** The first list is the one every pass starts with, so that the walk over the entries finds itself again. */
function dutiesBefore(entries: readonly CompiledEntry[]): Plan["dutiesBefore"] {
  const lists: (readonly OwnedObligation[])[] = [NO_DUTIES];
  for (const { duties } of entries) {
    const before = lists.at(-1)!;
    if (duties.length === 0) lists.push(before);
    else lists.push(Object.freeze([...before, ...duties]));
  }
  return lists;
}
