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
