import type { Checkpoint } from "./checkpoint.ts";

/** How long ended segments are kept. Their checkpoints stay: they tell what was there. */
export interface Retention {
  /** Segments whose last line is older, in ms. Default: no limit. */
  readonly maxMs?: number;
  /**
   * The oldest segments are removed while the lines of all ended ones together are longer, in bytes; of compressed
   * segments, too, as their checkpoints say it: a file can be made longer by anybody. Default: no limit.
   */
  readonly maxBytes?: number;
}

/** What is known of the segments that are kept. */
export interface KeptSegments {
  /** Those before were removed earlier, as the last checkpoint says. */
  readonly oldest: number;
  readonly nowMs: number;
  readonly retention: Retention;
  /** Throws for one that does not count. */
  checkpointOf(segment: number): Checkpoint | undefined;
}

/**
 * Which of the ended segments are to be removed, the oldest first: a trail has one beginning. Judges by what checkpoints
 * say alone, never by what lies in the directory.
 * @param segments Their numbers, ascending.
 */
export function outdatedSegments(
  segments: readonly number[],
  { oldest, nowMs, retention, checkpointOf }: KeptSegments,
): readonly Checkpoint[] {
  const { maxMs = Infinity, maxBytes = Infinity } = retention;
  if (maxMs === Infinity && maxBytes === Infinity) return [];
  const sealed: Checkpoint[] = [];
  for (const number of segments) {
    // What is missing without having been removed must stay missed, and nothing after it is removed.
    if (number > Math.max(oldest, (sealed.at(-1)?.number ?? 0) + 1)) break;
    const checkpoint = checkpointOf(number);
    if (checkpoint === undefined) break;
    sealed.push(checkpoint);
  }
  let bytes = sealed.reduce((sum, checkpoint) => sum + checkpoint.bytes, 0);
  const outdated: Checkpoint[] = [];
  // By a clock that was wrong for a while a segment may be from the future, or older than the one before it.
  const isPast = ({ at }: Checkpoint): boolean => at <= nowMs;
  let endedMs = sealed.find(isPast)?.at ?? nowMs;
  for (const checkpoint of sealed) {
    if (isPast(checkpoint)) endedMs = Math.max(endedMs, checkpoint.at);
    const isAnnounced = checkpoint.number < oldest;
    if (!isAnnounced && nowMs - endedMs <= maxMs && bytes <= maxBytes) break;
    outdated.push(checkpoint);
    bytes -= checkpoint.bytes;
  }
  return outdated;
}
