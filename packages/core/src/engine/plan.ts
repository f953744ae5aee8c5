import type { PolicyContext } from "../context/context.ts";
import type { RedactPlan } from "../context/redact-plan.ts";
import type { Attention } from "../decision/decision-point.ts";
import type { RedactSurface } from "../decision/obligation.ts";
import type { BoundLimits } from "./bound-limit.ts";
import type { CompiledEntry, CompiledPolicy } from "./compiled-policy.ts";
import type { DecidedTable } from "./decided-before.ts";
import { NO_DUTIES, type OwnedObligation } from "./owned-obligation.ts";

/**
 * Everything that concerns one (hookpoint, tenant, tool, agent): found once, remembered by the index, shared by the
 * agents that meet the same policies. Only users and tags are left to check per call. It is the table of the decisions
 * that it led to, too: one of its own would be another object to fetch.
 */
export interface Plan extends DecidedTable {
  // What every call reads stands first: of thousands of plans few are in the processor's cache.
  /** Some policy selects by user or tags, so that `isLive` must be asked. */
  readonly isDynamic: boolean;
  /** How many of `entries` are asked; the others only have limits or duties. */
  readonly askedCount: number;
  /** The first of them, mostly the only one: found here, neither the list nor its items have to be fetched. */
  readonly firstAsked: CompiledEntry | undefined;
  /** Some rule reads the session's history. */
  readonly needsSession: boolean;
  /** Some enforcing policy matches, before users and tags. */
  readonly hasPolicy: boolean;
  /** Some rule declares limits. */
  readonly isLimited: boolean;
  readonly shadow: readonly CompiledEntry[];
  /** The standing duties of all entries. Where none may be left out, calls share this list. */
  readonly allDuties: readonly OwnedObligation[];
  /** Whether a rewrite is among them. */
  readonly hasRewrite: boolean;
  /** The redactions among them, by surface; filled in when they are first asked for. */
  readonly redactions: { [Surface in RedactSurface]?: RedactPlan };
  /** What the last call was bound to, and the last one of each agent; see `bindLimits`. */
  bound: BoundLimits | undefined;
  readonly audits: readonly CompiledEntry[];
  readonly observers: readonly CompiledEntry[];
  /** What looks at such a call. */
  readonly attention: Attention;
  /** Which duties of an admission last, as they were found for the last list of them; see `lastingDuties`. */
  lasting:
    | { readonly of: readonly OwnedObligation[]; readonly duties: readonly OwnedObligation[] }
    | undefined;
  /** Enforcing rules with an opinion, a limit or a duty, in candidate order. */
  readonly entries: readonly CompiledEntry[];
  /** All that are asked. */
  readonly asked: readonly CompiledEntry[];
  /** The standing duties of the entries before each position, and of all at the end. */
  readonly dutiesBefore: readonly (readonly OwnedObligation[])[];
  /** Every rule that declares limits: enforcing first, then shadow, then observers. */
  readonly limited: readonly CompiledEntry[];
  readonly boundBefore: Map<string, BoundLimits>;
  /** No estimate was ever another than the last one of the same subjects. */
  hasFixedAmounts: boolean;
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
  const allDuties = lists.at(-1) ?? NO_DUTIES;
  const asked = entries.filter(({ check }) => check !== undefined);
  const limited = [...entries, ...shadow, ...observers].filter(({ rule }) => rule.limits !== undefined);
  return {
    isDynamic: policies.some(({ matchesDynamic }) => matchesDynamic !== undefined),
    askedCount: asked.length,
    firstAsked: asked[0],
    needsSession: [...entries, ...shadow].some(({ readsSession }) => readsSession),
    hasPolicy: policies.some(({ isShadow }) => !isShadow),
    isLimited: limited.length > 0,
    shadow: shared(shadow),
    allDuties,
    hasRewrite: allDuties.some(({ obligation }) => obligation.kind === "rewrite"),
    redactions: {},
    bound: undefined,
    latest: undefined,
    others: [],
    audits: shared(audits),
    observers: shared(observers),
    attention: attentionOf(entries.length, shadow.length + observers.length + audits.length),
    lasting: undefined,
    entries: shared(entries),
    asked: shared(asked),
    dutiesBefore: lists,
    limited: shared(limited),
    boundBefore: new Map(),
    hasFixedAmounts: true,
    policies,
  };
}

const NO_ENTRIES: readonly CompiledEntry[] = Object.freeze([]);

/** One empty list for all plans: a list of its own would have to be fetched to see that it is empty. */
function shared(entries: readonly CompiledEntry[]): readonly CompiledEntry[] {
  return entries.length === 0 ? NO_ENTRIES : entries;
}

function attentionOf(judging: number, watching: number): Attention {
  if (judging > 0) return "judges";
  return watching > 0 ? "watches" : "nothing";
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
