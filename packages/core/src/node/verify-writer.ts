import { CHAIN_START, type ChainPosition } from "../audit/chain.ts";
import type { Hash } from "../base/ports.ts";
import { checkSealedSegment, GONE, type BadSegmentLine } from "./check-sealed-segment.ts";
import { checkPrunedHead, type KnownHead, type UncheckedHead } from "./known-heads.ts";
import type { PartHelpers } from "./part-helpers.ts";
import type { ReadCheckpoints } from "./read-checkpoints.ts";
import { segmentName, type WriterFiles } from "./segment-files.ts";

/** What lies in a directory of one writer, as it was when it was looked at. */
export interface ReadWriter extends ReadCheckpoints {
  readonly files: WriterFiles;
}

/** The trail of one writer, and what is known of it. */
export interface WriterTrail extends ReadWriter {
  readonly directory: string;
  readonly hash: Pick<Hash, "sha256">;
  /** Every segment with lines must have a checkpoint: one is written before its first. */
  readonly mustBeSealed: boolean;
  /** Looks again: a trail that is being written gets new checkpoints, and its segments are compressed and removed. */
  lookAgain(): ReadWriter;
  readonly heads: readonly KnownHead[];
  readonly helpers: PartHelpers;
  readonly start?: ChainPosition;
  /** Where it must end. */
  readonly end?: ChainPosition;
}

/** What a check of one writer's trail found. */
export interface WriterReport {
  readonly writer: number;
  readonly segments: number;
  /** Good lines. */
  readonly lines: number;
  /** Of them, those that a checkpoint seals. */
  readonly sealed: number;
  /** Segments that retention has removed. */
  readonly pruned: number;
  readonly end: ChainPosition;
  /** Published checkpoints of lines that are not there any more. */
  readonly unchecked: readonly UncheckedHead[];
  readonly firstBad?: BadSegmentLine;
}

/** Checks the segments of one writer in order, up to the first thing that is wrong. */
export async function verifyWriter(trail: WriterTrail): Promise<WriterReport> {
  let seen: ReadWriter = trail;
  const { writer, segments } = seen.files;
  const last = Math.max(segments.at(-1) ?? 0, seen.checkpoints.at(-1)?.number ?? 0);
  const first = Math.min(oldestOf(seen), segments[0] ?? oldestOf(seen));
  const begin = beginOf(trail, first);
  let [lines, sealed, pruned, end] = [0, 0, Math.max(0, first - 1), begin];
  const { unchecked, contradicted } = prunedHeads(trail, begin);
  const report = (firstBad?: BadSegmentLine): WriterReport => {
    const counts = { segments: segments.length, lines, sealed, pruned };
    return { writer, ...counts, end, unchecked, ...(firstBad && { firstBad }) };
  };
  if (contradicted !== undefined) return report(contradicted);
  for (let number = first; number <= last; number++) {
    const { files, checkpoints, broken } = seen;
    const place = { writer, number };
    const bad = (problem: BadSegmentLine["problem"], detail: string, line = 0): WriterReport =>
      report({ segment: segmentName(place), line, problem, detail });
    const checkpoint = checkpoints.find((one) => one.number === number);
    if (!files.segments.includes(number)) {
      if (number < oldestOf(seen)) {
        pruned += 1;
        if (checkpoint !== undefined && isSame(checkpoint.start, end)) ({ end } = checkpoint);
        continue;
      }
      // What would say that retention removed it stands behind the checkpoint that does not count.
      if (broken !== undefined && number < (files.segments[0] ?? Infinity)) break;
      // The checkpoint of no lines is written before its segment is.
      if (number === last && checkpoint?.size === 0) continue;
      if (number === last) return bad("truncated", "the segment is gone");
      return bad("removed", "the segment is gone, and no checkpoint says that retention removed it");
    }
    if (broken?.number === number) return bad(broken.problem, broken.detail);
    const mayLack = !trail.mustBeSealed && !files.compressed.has(number);
    // oxlint-disable-next-line no-await-in-loop -- one segment at a time, and only while all is good
    const checked = await checkSealedSegment(number, { ...trail, files, start: end, checkpoint });
    if (checked === GONE) {
      seen = trail.lookAgain();
      if (isListedAlike(number, files, seen.files)) return bad("removed", "what is listed cannot be opened");
      number -= 1;
      continue;
    }
    if (typeof checked === "string") return bad("edited", checked);
    lines += checked.good;
    sealed += Math.min(checked.good, checkpoint?.size ?? 0);
    end = checked.end;
    if (checked.firstBad !== undefined) return report({ ...checked.firstBad, segment: segmentName(place) });
    const hasLines = checked.good > 0 || number < last;
    if (checkpoint !== undefined || mayLack || !hasLines) continue;
    // It may have come after the others were read.
    if (!trail.lookAgain().checkpoints.some((one) => one.number === number))
      return bad("checkpoint_missing", "it holds lines, and its checkpoint is gone");
  }
  const { broken } = seen;
  if (broken !== undefined)
    return report({ ...broken, segment: segmentName({ writer, number: broken.number }), line: 0 });
  const lost = lostEnd(trail, end);
  const segment = segmentName({ writer, number: Math.max(last, 1) });
  return report(
    lost === undefined ? undefined : { segment, line: lines + 1, problem: "truncated", detail: lost },
  );
}

function oldestOf({ files, checkpoints }: ReadWriter): number {
  return checkpoints.at(-1)?.oldest ?? files.segments[0] ?? 1;
}

/** Whether a segment is still there, and compressed or not as it was. */
function isListedAlike(number: number, before: WriterFiles, now: WriterFiles): boolean {
  return now.segments.includes(number) && before.compressed.has(number) === now.compressed.has(number);
}

function isSame(one: ChainPosition, other: ChainPosition): boolean {
  return one.seq === other.seq && one.prev === other.prev;
}

function prunedHeads(
  { heads, files: { writer }, checkpoints }: WriterTrail,
  begin: ChainPosition,
): { readonly unchecked: readonly UncheckedHead[]; readonly contradicted: BadSegmentLine | undefined } {
  const unchecked: UncheckedHead[] = [];
  for (const head of heads.filter(({ end }) => end.seq <= begin.seq)) {
    const { number, published, end } = head;
    const check = checkPrunedHead(head, { begin, checkpoints });
    if (check.is === "unknown" && published !== undefined)
      unchecked.push({ writer, segment: number, seq: end.seq });
    if (check.is !== "contradicted") continue;
    const { detail } = check;
    const segment = segmentName({ writer, number });
    return { unchecked, contradicted: { segment, line: 0, problem: "checkpoint_contradicted", detail } };
  }
  return { unchecked, contradicted: undefined };
}

function beginOf({ start, checkpoints }: WriterTrail, first: number): ChainPosition {
  if (start !== undefined) return start;
  const own = checkpoints.find(({ number }) => number === first);
  return own?.start ?? checkpoints.find(({ number }) => number === first - 1)?.end ?? CHAIN_START;
}

function lostEnd({ heads, end: wanted }: WriterTrail, { seq, prev }: ChainPosition): string | undefined {
  const missed = heads.find(({ end }) => end.seq > seq);
  if (missed !== undefined)
    return `the trail ends before number ${seq}; ${missed.why} saw it reach ${missed.end.seq}`;
  if (wanted === undefined || (wanted.seq === seq && wanted.prev === prev)) return undefined;
  if (wanted.seq > seq) return `the trail ends before number ${seq}; ${wanted.seq - seq} more were written`;
  return "the trail does not end in the line that was written last";
}
