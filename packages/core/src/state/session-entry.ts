import type { PolicyContext } from "../context/context.ts";
import type { Decision } from "../decision/decision.ts";
import type { SessionEntry } from "../rules/session-view.ts";

/** An entry that is not shown yet: it is frozen when it is shown first. */
export type EntryDraft = { -readonly [Field in keyof SessionEntry]: SessionEntry[Field] };

/**
 * Begins an entry of a call that does not run: an ordinary object with room for what else it may say. What V8 adds to a
 * literal lies in a second object, and thousands of entries are kept.
 * @param at Epoch ms on the steady clock.
 */
export function newEntry(at: number, context: PolicyContext, decision: Decision): EntryDraft {
  return new RoomyEntry(at, context, decision);
}

type EntryConstructor = new (at: number, context: PolicyContext, decision: Decision) => EntryDraft;

const RoomyEntry = function (
  this: EntryDraft,
  at: number,
  { hookpoint, agent }: PolicyContext,
  { id, effect }: Decision,
): void {
  this.at = at;
  this.hookpoint = hookpoint;
  this.agent = agent.id;
  this.effect = effect;
  this.inputDigest = "";
  this.isInFlight = false;
  this.decisionId = id;
  // TypeScript has no type for a function that is called with `new`.
} as unknown as EntryConstructor;
RoomyEntry.prototype = Object.prototype;
