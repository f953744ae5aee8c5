import { readFile } from "node:fs/promises";
import path from "node:path";
import { promisify } from "node:util";
import { gunzip } from "node:zlib";

import { CHAIN_START, type ChainPosition } from "../audit/chain.ts";
import { verifyLines, type BadLine, type LineProblem } from "../audit/verify.ts";
import type { Hash } from "../base/ports.ts";
import { checkSegmentBytes, checkSegmentFile, type SegmentCheck } from "./check-segment.ts";
import type { Checkpoint } from "./checkpoint.ts";
import type { PartHelpers } from "./part-helpers.ts";
import type { CheckpointProblem, ReadCheckpoints } from "./read-checkpoints.ts";
import { compressedName, segmentName, type WriterFiles } from "./segment-files.ts";

/** The first thing that is wrong, and the segment it concerns. */
export interface BadSegmentLine extends Omit<BadLine, "problem"> {
  readonly problem: LineProblem | CheckpointProblem;
  /** File name; `line` counts within it, 0 where it is about the segment as a whole. */
  readonly segment: string;
}

/** A place that the trail must go through, and who says so. */
export interface KnownHead {
  readonly end: ChainPosition;
  readonly why: string;
}

/** The trail of one writer, and what is known of it. */
export interface WriterTrail extends ReadCheckpoints {
  readonly directory: string;
  readonly files: WriterFiles;
  readonly hash: Pick<Hash, "sha256">;
  /** Every segment but the newest must have a checkpoint, even where none has. */
  readonly mustBeSealed: boolean;
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
  readonly firstBad?: BadSegmentLine;
}

const decompress = promisify(gunzip);

/** Checks the segments of one writer in order, up to the first thing that is wrong. */
export async function verifyWriter(trail: WriterTrail): Promise<WriterReport> {
  const { files, checkpoints, broken } = trail;
  const { writer, segments } = files;
  const last = Math.max(segments.at(-1) ?? 0, checkpoints.at(-1)?.number ?? 0);
  const oldest = checkpoints.at(-1)?.oldest ?? segments[0] ?? 1;
  const first = Math.min(oldest, segments[0] ?? oldest);
  let [lines, sealed, end] = [0, 0, beginOf(trail, first)];
  const report = (firstBad?: BadSegmentLine): WriterReport => {
    const pruned = Math.max(0, first - 1);
    return { writer, segments: segments.length, lines, sealed, pruned, end, ...(firstBad && { firstBad }) };
  };
  for (let number = first; number <= last; number++) {
    const place = { writer, number };
    const bad = (problem: BadSegmentLine["problem"], detail: string, line = 0): WriterReport =>
      report({ segment: segmentName(place), line, problem, detail });
    if (!segments.includes(number)) {
      if (number < oldest) continue;
      if (number === last) return bad("truncated", "the segment is gone");
      return bad("removed", "the segment is gone, and no checkpoint says that retention removed it");
    }
    if (broken?.number === number) return bad(broken.problem, broken.detail);
    const checkpoint = checkpoints.find((one) => one.number === number);
    // oxlint-disable-next-line no-await-in-loop -- one segment at a time, and only while all is good
    const checked = await checkSegment(number, { ...trail, start: end, checkpoint });
    if (checked === undefined) return bad("edited", "its compressed bytes are damaged");
    lines += checked.good;
    sealed += Math.min(checked.good, checkpoint?.size ?? 0);
    end = checked.end;
    if (checked.firstBad !== undefined) return report({ ...checked.firstBad, segment: segmentName(place) });
    const mustHave = trail.mustBeSealed || checkpoints.length > 0;
    if (checkpoint === undefined && mustHave && number < last)
      return bad("checkpoint_missing", "it was ended, and its checkpoint is gone");
  }
  if (broken !== undefined)
    return report({ ...broken, segment: segmentName({ writer, number: broken.number }), line: 0 });
  const lost = lostEnd(trail, end);
  const segment = segmentName({ writer, number: Math.max(last, 1) });
  return report(
    lost === undefined ? undefined : { segment, line: lines + 1, problem: "truncated", detail: lost },
  );
}

function beginOf({ start, checkpoints }: WriterTrail, first: number): ChainPosition {
  if (start !== undefined) return start;
  const own = checkpoints.find(({ number }) => number === first);
  return own?.start ?? checkpoints.find(({ number }) => number === first - 1)?.end ?? CHAIN_START;
}

interface CheckedSegment {
  readonly good: number;
  readonly end: ChainPosition;
  readonly firstBad: Omit<BadSegmentLine, "segment"> | undefined;
}

interface SegmentJob extends WriterTrail {
  readonly start: ChainPosition;
  readonly checkpoint: Checkpoint | undefined;
}

/** Undefined when it cannot be decompressed. */
async function checkSegment(number: number, job: SegmentJob): Promise<CheckedSegment | undefined> {
  const { directory, files, start, checkpoint, heads, helpers } = job;
  const place = { writer: files.writer, number };
  const question = { start, sealed: checkpoint?.size ?? 0, watched: heads.map(({ end }) => end.seq) };
  if (!files.compressed.has(number)) {
    const file = path.join(directory, segmentName(place));
    const checked = await checkSegmentFile(file, question, { helpers });
    return judged(checked, job, async () => readFile(file));
  }
  const packed = await readFile(path.join(directory, compressedName(place)));
  // The answer is the point; what zlib says of damaged bytes tells no more.
  const bytes = await decompress(packed).catch(() => undefined);
  return bytes && judged(checkSegmentBytes(bytes, question), job, async () => bytes);
}

async function judged(
  { good, end, isWhole, root, seen }: SegmentCheck,
  job: SegmentJob,
  read: () => Promise<Buffer>,
): Promise<CheckedSegment> {
  const { start, checkpoint, heads } = job;
  if (!isWhole) return { good, end, firstBad: explain(await read(), good, job) };
  for (const { seq, prev } of seen) {
    const other = heads.find((head) => head.end.seq === seq && head.end.prev !== prev);
    if (other === undefined) continue;
    const detail = `it is not the line that ${other.why} saw`;
    return { good, end, firstBad: { line: seq - start.seq, problem: "edited", detail } };
  }
  return { good, end, firstBad: againstCheckpoint(checkpoint, { good, start, root }) };
}

function againstCheckpoint(
  checkpoint: Checkpoint | undefined,
  {
    good,
    start,
    root,
  }: { readonly good: number; readonly start: ChainPosition; readonly root: string | undefined },
): Omit<BadSegmentLine, "segment"> | undefined {
  if (checkpoint === undefined) return undefined;
  const { size } = checkpoint;
  if (good < size) {
    const detail = `the segment ends after ${good} lines, its checkpoint seals ${size}`;
    return { line: good + 1, problem: "truncated", detail };
  }
  if (checkpoint.root === root && checkpoint.start.prev === start.prev) return undefined;
  const detail = `its first ${size} lines are a whole chain, but not the one that its checkpoint seals`;
  return { line: size, problem: "edited", detail };
}

/** Runs once, for the first bad line. */
function explain(bytes: Buffer, good: number, { start, hash }: SegmentJob): Omit<BadSegmentLine, "segment"> {
  const lines = bytes.toString("utf8").split("\n");
  const isEnded = lines.at(-1) === "";
  if (isEnded) lines.pop();
  const found = verifyLines(lines, hash, { start }).firstBad;
  if (found !== undefined) return found;
  // As text all is well: what is missing is the last line break, or bytes stand there that read as the same text.
  if (!isEnded)
    return { line: lines.length, problem: "truncated", detail: "the last line has no line break" };
  return { line: good + 1, problem: "edited", detail: "its bytes are not what was written" };
}

function lostEnd({ heads, end: wanted }: WriterTrail, { seq, prev }: ChainPosition): string | undefined {
  const missed = heads.find(({ end }) => end.seq > seq);
  if (missed !== undefined)
    return `the trail ends before number ${seq}; ${missed.why} saw it reach ${missed.end.seq}`;
  if (wanted === undefined || (wanted.seq === seq && wanted.prev === prev)) return undefined;
  if (wanted.seq > seq) return `the trail ends before number ${seq}; ${wanted.seq - seq} more were written`;
  return "the trail does not end in the line that was written last";
}
