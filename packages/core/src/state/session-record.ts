import { ownMember } from "../base/own-member.ts";
import type { SessionEntry, SessionView } from "../rules/session-view.ts";
import { atHand, isSpilled, openIn, openOf, sizeOf, withAtHand, type Chunk } from "./session-chunk.ts";

type Counts = SessionView["counts"];

/** A session's history as it is kept. */
export interface SessionRecord {
  /** Grows with every write: tells whether a snapshot still is the latest. */
  readonly revision: number;
  readonly startedAtMs: number;
  /** The latest entries in chunks, so that one more copies a few references instead of all. */
  readonly chunks: readonly Chunk[];
  /** The newest entries, fewer than a chunk: what changes with every call is kept small. */
  readonly tail: readonly SessionEntry[];
  readonly size: number;
  /** How many entries may still be replaced: while there is none, nothing is looked for. */
  readonly open: number;
  readonly counts: Counts;
}

/** A history all of whose entries are at hand. */
export interface WholeRecord extends SessionRecord {
  readonly chunks: readonly (readonly SessionEntry[])[];
}

/** How an admitted call ended. */
export interface CallOutcome {
  readonly isError: boolean;
  readonly durationMs: number;
  /** `block` takes back one that was not let go on after all. Default: `allow`. */
  readonly effect?: "allow" | "ask" | "block";
}

const MAX_ENTRIES = 1_000;
const CHUNK = 16;
/** How far back the same call is looked for: further back it is history. */
export const REPLACED_CHUNKS = 16;
/** Which record a snapshot shows: no rule sees it. */
const revisions = new WeakMap<SessionView, number>();

const NO_ENTRIES: readonly SessionEntry[] = Object.freeze([]);
const NO_COUNTS: Counts = Object.freeze({ calls: 0, blocked: 0, errors: 0, modelCalls: 0 });

/** The history before anything happened. */
export function emptySession(startedAtMs: number): WholeRecord {
  return { revision: 0, startedAtMs, chunks: [], tail: NO_ENTRIES, size: 0, open: 0, counts: NO_COUNTS };
}

/** The history with one more entry. */
export function added(record: SessionRecord, entry: SessionEntry): SessionRecord {
  const { startedAtMs, chunks, size, open } = record;
  // A spread would leave room for sixteen more in a list that is never added to.
  const tail = record.tail.toSpliced(record.tail.length, 0, entry);
  const isFull = tail.length === CHUNK;
  const next: SessionRecord = {
    revision: record.revision + 1,
    startedAtMs,
    chunks: isFull ? [...chunks, tail] : chunks,
    tail: isFull ? NO_ENTRIES : tail,
    size: size + 1,
    open: open + openOf(entry),
    counts: count(record.counts, entry, 1),
  };
  return isFull ? bounded(next) : next;
}

/** Forgets whole chunks only: what is shown is cut exactly. */
function bounded(record: SessionRecord): SessionRecord {
  const oldest = record.chunks[0];
  if (oldest === undefined) return record;
  const size = record.size - sizeOf(oldest);
  if (size < MAX_ENTRIES) return record;
  const open = record.open === 0 ? 0 : record.open - openIn(oldest);
  return { ...record, chunks: record.chunks.slice(1), size, open };
}

/** The history without an earlier entry of the same call that did not run, or has not ended. */
export function withoutEarlier(record: SessionRecord, callKey: string | undefined): SessionRecord {
  if (callKey === undefined || record.open === 0) return record;
  const found = findOpen(record, callKey);
  return found === undefined ? record : withoutFound(record, found);
}

/** The history in which a call has ended. */
export function completed(
  record: SessionRecord,
  decisionId: string,
  { isError, durationMs, effect = "allow" }: CallOutcome,
): SessionRecord {
  const { startedAtMs, chunks, tail, size } = record;
  const position = positionIn(tail, decisionId);
  const found = position === -1 ? findDecided(chunks, decisionId) : undefined;
  const entry = found?.entry ?? tail[position];
  if (entry === undefined) {
    // Fallen out of the bounded history; the counters still hear of it.
    return isError
      ? {
          ...record,
          revision: record.revision + 1,
          counts: { ...record.counts, errors: record.counts.errors + 1 },
        }
      : record;
  }
  // Frozen when it is shown first.
  const ended: SessionEntry = { ...entry, effect, isInFlight: false, isError, durationMs };
  // Mostly a call that was let go on and went well: nothing to count anew.
  const isAsCounted = effect === entry.effect && isError === (entry.isError === true);
  const counts = isAsCounted ? record.counts : count(count(record.counts, entry, -1), ended, 1);
  const open = record.open - openOf(entry) + openOf(ended);
  const revision = record.revision + 1;
  if (found !== undefined) return replaced({ ...record, revision, open, counts }, found, ended);
  return { revision, startedAtMs, chunks, tail: tail.with(position, ended), size, open, counts };
}

/** The history without a call that was let go on and never began. */
export function withoutCall(record: SessionRecord, decisionId: string): SessionRecord {
  const position = positionIn(record.tail, decisionId);
  const entry = record.tail[position];
  const found =
    entry === undefined ? findDecided(record.chunks, decisionId) : { chunk: undefined, position, entry };
  if (found === undefined) return record;
  return withoutFound({ ...record, revision: record.revision + 1 }, found);
}

function withoutFound(record: SessionRecord, found: Found): SessionRecord {
  const { entry } = found;
  const counts = count(record.counts, entry, -1);
  const left = { ...record, size: record.size - 1, open: record.open - openOf(entry), counts };
  return replaced(left, found, undefined);
}

interface Found {
  /** Undefined for the tail. */
  readonly chunk: number | undefined;
  readonly position: number;
  readonly entry: SessionEntry;
}

/** Open entries are mostly the newest: once all of them were seen, nothing further back can be meant. */
function findOpen({ chunks, tail, open }: SessionRecord, callKey: string): Found | undefined {
  let left = open;
  const first = Math.max(0, chunks.length - REPLACED_CHUNKS);
  for (let chunk = chunks.length; chunk >= first; chunk--) {
    const entries = atHand(chunks[chunk] ?? tail);
    for (let position = entries.length - 1; position >= 0; position--) {
      const entry = entries[position];
      if (entry === null || entry === undefined || openOf(entry) === 0) continue;
      if (entry.callKey === callKey)
        return { chunk: chunk === chunks.length ? undefined : chunk, position, entry };
      if (--left === 0) return undefined;
    }
  }
  return undefined;
}

function findDecided(chunks: SessionRecord["chunks"], decisionId: string): Found | undefined {
  for (let chunk = chunks.length - 1; chunk >= 0; chunk--) {
    const entries = atHand(chunks[chunk]!);
    const position = positionIn(entries, decisionId);
    const entry = entries[position];
    if (entry !== null && entry !== undefined) return { chunk, position, entry };
  }
  return undefined;
}

function positionIn(entries: readonly (SessionEntry | null)[], decisionId: string): number {
  let position = entries.length - 1;
  while (position >= 0 && entries[position]?.decisionId !== decisionId) position--;
  return position;
}

/** The record with one entry replaced, or without it. */
function replaced(
  record: SessionRecord,
  { chunk, position }: Found,
  by: SessionEntry | undefined,
): SessionRecord {
  const { chunks, tail } = record;
  const old = chunk === undefined ? undefined : chunks[chunk];
  if (chunk === undefined || old === undefined)
    return { ...record, tail: by === undefined ? tail.toSpliced(position, 1) : tail.with(position, by) };
  const next = withAtHand(old, position, by);
  return { ...record, chunks: sizeOf(next) > 0 ? chunks.with(chunk, next) : chunks.toSpliced(chunk, 1) };
}

function count(counts: Counts, { effect, hookpoint, agent, isError }: SessionEntry, by: 1 | -1): Counts {
  const isCall = effect === "allow";
  const { turns = {} } = counts;
  const isTurn = isCall && hookpoint === "before_model_call";
  return {
    calls: counts.calls + (isCall ? by : 0),
    blocked: counts.blocked + (effect === "block" ? by : 0),
    errors: counts.errors + (isError === true ? by : 0),
    modelCalls: counts.modelCalls + (isTurn ? by : 0),
    turns: isTurn ? { ...turns, [agent]: (ownMember(turns, agent) ?? 0) + by } : turns,
  };
}

/** Whether all entries of a history are at hand. */
export function isWhole(record: SessionRecord): record is WholeRecord {
  return !record.chunks.some(isSpilled);
}

/** What rules see of a history: only of a whole one, for a missing part must never pass for one that never was. */
export function viewOf({ revision, startedAtMs, chunks, tail, counts }: WholeRecord): SessionView {
  const entries = [...chunks.flat(), ...tail].slice(-MAX_ENTRIES);
  for (const entry of entries) Object.freeze(entry);
  Object.freeze(counts.turns);
  const view = Object.freeze({
    entries: Object.freeze(entries),
    counts: Object.freeze(counts),
    startedAtMs,
  });
  revisions.set(view, revision);
  return view;
}

/** Whether two snapshots show the same history. */
export function isSameHistory(one: SessionView | undefined, other: SessionView | undefined): boolean {
  if (one === undefined || other === undefined) return one === other;
  const revision = revisions.get(one);
  const isSame = revision !== undefined && revision === revisions.get(other);
  return isSame && (revision === 0 || one.startedAtMs === other.startedAtMs);
}

/** Whether a record is still what a snapshot shows; a session that was forgotten and begun anew is another. */
export function isShownBy({ revision, startedAtMs }: SessionRecord, view: SessionView): boolean {
  const shown = revisions.get(view);
  return shown === undefined || (revision === shown && (revision === 0 || startedAtMs === view.startedAtMs));
}
