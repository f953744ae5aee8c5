import type { AllOf } from "../base/all-of.ts";
import type { SessionEntry } from "../rules/session-view.ts";

/** An entry that is not shown yet: it is frozen when it is shown first. */
export type EntryDraft = { -readonly [Field in keyof SessionEntry]: SessionEntry[Field] };

/** What every entry says. */
export type EntryFacts = Pick<
  SessionEntry,
  "at" | "hookpoint" | "agent" | "effect" | "inputDigest" | "isInFlight" | "decisionId"
>;

/**
 * Begins an entry: an ordinary object with room for what else it may say. What V8 adds to a literal lies in a second
 * object, and thousands of entries are kept.
 */
export function newEntry(facts: EntryFacts): EntryDraft {
  return new RoomyEntry(facts);
}

/** A copy of an entry, member by member: of those that come later V8 makes a slow one. */
export function copyOfEntry(
  entry: AllOf<
    SessionEntry,
    keyof EntryFacts | ("name" | "access" | "isExternal" | "callKey" | "isError" | "durationMs")
  >,
): EntryDraft {
  const { name, access, isExternal, callKey, isError, durationMs } = entry;
  const copied = new RoomyEntry(entry);
  if (name !== undefined) copied.name = name;
  if (access !== undefined) copied.access = access;
  if (isExternal !== undefined) copied.isExternal = isExternal;
  if (callKey !== undefined) copied.callKey = callKey;
  if (isError !== undefined) copied.isError = isError;
  if (durationMs !== undefined) copied.durationMs = durationMs;
  return copied;
}

const RoomyEntry = function (this: EntryDraft, facts: EntryFacts): void {
  this.at = facts.at;
  this.hookpoint = facts.hookpoint;
  this.agent = facts.agent;
  this.effect = facts.effect;
  this.inputDigest = facts.inputDigest;
  this.isInFlight = facts.isInFlight;
  this.decisionId = facts.decisionId;
  // TypeScript has no type for a function that is called with `new`.
} as unknown as new (facts: EntryFacts) => EntryDraft;
RoomyEntry.prototype = Object.prototype;
