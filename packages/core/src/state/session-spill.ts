import type { SessionEntry } from "../rules/session-view.ts";
import { atHand, isSpilled, spilledAs, type Chunk, type SpilledChunk } from "./session-chunk.ts";
import { REPLACED_CHUNKS, type SessionRecord } from "./session-record.ts";

/**
 * A history as it is stored once some of it was spilled. In another shape than before, so that a version that knows
 * nothing of spilled chunks fails instead of taking the history for a shorter one.
 */
export interface SpilledHistory {
  readonly history: SessionRecord;
  /** Documents that nothing refers to any more: they are deleted with the next spilling. */
  readonly dropped: readonly string[];
}

/** A history as it is stored. */
export type StoredHistory = SessionRecord | SpilledHistory;

/** One chunk on its way into a document of its own. */
export interface Spill {
  readonly from: Chunk;
  readonly entries: readonly SessionEntry[];
  readonly to: SpilledChunk;
}

/**
 * When a chunk is written again under a new name: with the first call after that. A session is kept for a day after its
 * last call, so that call comes before two days have passed, and nothing is looked at after three.
 */
const RENEWED_AFTER_MS = 86_400_000;
/** How long a chunk is kept, so that none is missing from a session that goes on. */
export const SPILLED_TTL_MS = 3 * 86_400_000;
/** How far back a call that has not ended keeps all entries around it at hand. */
const WAITED_CHUNKS = 4;
/**
 * How far back nothing is replaced any more: twice as far as it is looked for, because what is replaced in between lets
 * older chunks come nearer again.
 */
const SETTLED_CHUNKS = 2 * REPLACED_CHUNKS;
/** What one spilling left, or failed to do, is found by who writes a revision of that kind: one process at a time. */
const LOOKS_EACH_REVISIONS = 15;
const MAX_AT_ONCE = 16;

/** The history in what is stored. */
export function recordIn(stored: StoredHistory): SessionRecord {
  return "history" in stored ? stored.history : stored;
}

/** What is stored of a history in place of what was stored of it before. */
export function storedAs(next: SessionRecord, old: StoredHistory | undefined): StoredHistory {
  if (old === undefined || !("history" in old)) return next;
  const { history, dropped } = old;
  if (history.chunks === next.chunks) return { history: next, dropped };
  const left = new Set(next.chunks.filter(isSpilled).map(({ id }) => id));
  const gone = history.chunks.filter(isSpilled).filter(({ id }) => !left.has(id));
  return { history: next, dropped: [...dropped, ...gone.map(({ id }) => id)] };
}

/** Whether whoever wrote this change should spill: of all processes that share the session, mostly just one. */
export function needsSpill(before: SessionRecord, after: SessionRecord, nowMs: number): boolean {
  const ready = readyIn(after);
  if (ready > 0 && (after.revision % LOOKS_EACH_REVISIONS === 0 || ready > readyIn(before))) return true;
  return after.chunks.some((chunk) => isSpilled(chunk) && isAging(chunk, nowMs));
}

/** The chunks that should be written, some at a time. */
export function chunksToSpill({ chunks }: SessionRecord, nowMs: number): readonly Chunk[] {
  const isDue = (chunk: Chunk, at: number): boolean => {
    const back = chunks.length - at;
    return isSpilled(chunk) ? isAging(chunk, nowMs) || isSettled(chunk, back) : isReady(chunk, back);
  };
  return chunks.filter(isDue).slice(0, MAX_AT_ONCE);
}

/** How a chunk of a history is spilled. */
export function spillOf(
  from: Chunk,
  { chunks }: SessionRecord,
  document: Pick<SpilledChunk, "id" | "atMs"> & { readonly entries: readonly SessionEntry[] },
): Spill {
  const back = chunks.length - chunks.indexOf(from);
  const { entries, ...named } = document;
  return { from, entries, to: spilledAs(entries, named, (entry) => canChange(entry, back)) };
}

/**
 * What is stored once chunks were written to documents: each in place of the very chunk that was written, if that is
 * still there as it was. Shows the same history: its revision stays.
 * @param deleted Documents that are deleted.
 */
export function withSpills(
  old: StoredHistory | undefined,
  spills: readonly Spill[],
  deleted: ReadonlySet<string>,
): StoredHistory | undefined {
  if (old === undefined) return undefined;
  const history = recordIn(old);
  const chunks = [...history.chunks];
  const dropped = ("history" in old ? old.dropped : []).filter((id) => !deleted.has(id));
  let isChanged = "history" in old && dropped.length < old.dropped.length;
  for (const { from, to } of spills) {
    const at = positionOf(from, chunks);
    if (at === -1) continue;
    chunks[at] = to;
    if (isSpilled(from)) dropped.push(from.id);
    isChanged = true;
  }
  return isChanged ? { history: { ...history, chunks }, dropped } : old;
}

/** Whatever was done to an entry since, the chunk is another. */
function positionOf(chunk: Chunk, chunks: readonly Chunk[]): number {
  const text = JSON.stringify(chunk);
  return chunks.findIndex((one) => isAlike(one, chunk) && JSON.stringify(one) === text);
}

function isAlike(one: Chunk, other: Chunk): boolean {
  if (isSpilled(one)) return isSpilled(other) && one.id === other.id;
  return !isSpilled(other) && one[0]?.decisionId === other[0]?.decisionId;
}

function readyIn({ chunks }: SessionRecord): number {
  let ready = 0;
  for (const [at, chunk] of chunks.entries())
    if (!isSpilled(chunk) && isReady(chunk, chunks.length - at)) ready++;
  return ready;
}

/** Most of it leaves, and what would not is no call that is just running. */
function isReady(chunk: readonly SessionEntry[], back: number): boolean {
  const leaving = chunk.reduce((sum, entry) => (canChange(entry, back) ? sum : sum + 1), 0);
  if (leaving === 0 || leaving < chunk.length / 2) return false;
  return back > WAITED_CHUNKS || !chunk.some(({ isInFlight }) => isInFlight);
}

/** What was kept at hand of it need not be any more. */
function isSettled(chunk: SpilledChunk, back: number): boolean {
  const kept = atHand(chunk).filter((entry) => entry !== null);
  return kept.length > 0 && !kept.some((entry) => canChange(entry, back));
}

/** By a clock that was ahead it would be young for ever: how long the store has kept it then is not known. */
function isAging({ atMs }: SpilledChunk, nowMs: number): boolean {
  return Math.abs(nowMs - atMs) > RENEWED_AFTER_MS;
}

/** Whether a call may still end, or be replaced when it comes back under its key. */
function canChange({ isInFlight, effect, callKey }: SessionEntry, back: number): boolean {
  return isInFlight || (effect !== "allow" && callKey !== undefined && back <= SETTLED_CHUNKS);
}
