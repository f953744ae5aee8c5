import type { SessionEntry } from "../rules/session-view.ts";

/** Successive entries of a history: at hand, or spilled to a document of their own. */
export type Chunk = readonly SessionEntry[] | SpilledChunk;

/** Entries that are kept in a document of their own, which is never written again. */
export interface SpilledChunk {
  /** Names the document beside its session. */
  readonly id: string;
  /** When it was written, by the clock of who wrote it. */
  readonly atMs: number;
  /** How many entries the document has. */
  readonly size: number;
  /** How many of them are open, though nothing can come of it any more; absent for none. */
  readonly open?: number;
  /** What may still change is kept at hand; absent for nothing. */
  readonly kept?: readonly Kept[];
}

/** What stands at a position instead of what the document has there; null: nothing any more. */
type Kept = readonly [position: number, entry: SessionEntry | null];

/** Whether a chunk's entries are elsewhere. */
export function isSpilled(chunk: Chunk): chunk is SpilledChunk {
  return "id" in chunk;
}

/** How many entries a chunk has. */
export function sizeOf(chunk: Chunk): number {
  if (!isSpilled(chunk)) return chunk.length;
  return keptOf(chunk).reduce((size, [, entry]) => (entry === null ? size - 1 : size), chunk.size);
}

/** How many entries of a chunk are open. */
export function openIn(chunk: Chunk): number {
  if (!isSpilled(chunk)) return chunk.reduce((sum, entry) => sum + openOf(entry), 0);
  return keptOf(chunk).reduce(
    (sum, [, entry]) => sum + (entry === null ? 0 : openOf(entry)),
    chunk.open ?? 0,
  );
}

/** A call that did not run, or has not ended, may come back under its key. */
export function openOf({ effect, isInFlight }: SessionEntry): 0 | 1 {
  return effect !== "allow" || isInFlight ? 1 : 0;
}

/** What of a chunk is at hand, by position; null where an entry was taken out. */
export function atHand(chunk: Chunk): readonly (SessionEntry | null)[] {
  return isSpilled(chunk) ? keptOf(chunk).map(([, entry]) => entry) : chunk;
}

/** The chunk with the entry that is at hand at a position replaced, or without it. */
export function withAtHand(chunk: Chunk, position: number, by: SessionEntry | undefined): Chunk {
  if (!isSpilled(chunk)) return by === undefined ? chunk.toSpliced(position, 1) : chunk.with(position, by);
  const kept = keptOf(chunk);
  const old = kept[position];
  return old === undefined ? chunk : { ...chunk, kept: kept.with(position, [old[0], by ?? null]) };
}

/** The chunk's entries as they are now, from what its document has. */
export function entriesOf(chunk: SpilledChunk, written: readonly SessionEntry[]): readonly SessionEntry[] {
  const kept = keptOf(chunk);
  if (kept.length === 0) return written;
  const entries: (SessionEntry | null)[] = [...written];
  for (const [position, entry] of kept) entries[position] = entry;
  return entries.filter((entry) => entry !== null);
}

/**
 * What is left at hand of entries that are written to a document.
 * @param canChange Whether something may still come of an entry.
 */
export function spilledAs(
  entries: readonly SessionEntry[],
  { id, atMs }: Pick<SpilledChunk, "id" | "atMs">,
  canChange: (entry: SessionEntry) => boolean,
): SpilledChunk {
  const kept: Kept[] = [];
  let open = 0;
  for (const [position, entry] of entries.entries()) {
    if (canChange(entry)) kept.push([position, entry]);
    else open += openOf(entry);
  }
  return { id, atMs, size: entries.length, ...(open > 0 && { open }), ...(kept.length > 0 && { kept }) };
}

function keptOf({ kept }: SpilledChunk): readonly Kept[] {
  return kept ?? NOTHING_KEPT;
}

const NOTHING_KEPT: readonly Kept[] = Object.freeze([]);
