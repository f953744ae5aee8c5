import { readFile, stat } from "node:fs/promises";
import path from "node:path";

import { CHAIN_START, type ChainPosition } from "../audit/chain.ts";
import { verifyLines, type BadLine, type LineProblem } from "../audit/verify.ts";
import { AgentplaneError } from "../base/errors.ts";
import type { Hash } from "../base/ports.ts";
import { checkSegmentBytes, checkSegmentFile, type SegmentCheck } from "./check-segment.ts";
import type { Checkpoint } from "./checkpoint.ts";
import { inflateSegment } from "./inflate-segment.ts";
import { checkPrunedHead, type KnownHead, type UncheckedHead } from "./known-heads.ts";
import type { PartHelpers } from "./part-helpers.ts";
import type { CheckpointProblem, ReadCheckpoints } from "./read-checkpoints.ts";
import { readRegular } from "./regular-file.ts";
import { compressedName, segmentName, type WriterFiles } from "./segment-files.ts";

/** The first thing that is wrong, and the segment it concerns. */
export interface BadSegmentLine extends Omit<BadLine, "problem"> {
  readonly problem: LineProblem | CheckpointProblem;
  /** File name; `line` counts within it, 0 where it is about the segment as a whole. */
  readonly segment: string;
}

/** The trail of one writer, and what is known of it. */
export interface WriterTrail extends ReadCheckpoints {
  readonly directory: string;
  readonly files: WriterFiles;
  readonly hash: Pick<Hash, "sha256">;
  /** Every segment with lines must have a checkpoint: one is written before its first. */
  readonly mustBeSealed: boolean;
  /** Whether a segment has one now: of a trail that is being written it may have come after the others were read. */
  isSealedNow(number: number): boolean;
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

/** A longer segment is not read whole to say what happened to its first bad line. */
const MAX_EXPLAINED_BYTES = 256 * 1024 * 1024;

/** So much more than it seals a compressed file may hold and still be read, to say what is wrong with it. */
const MAX_SPARE_BYTES = 16 * 1024 * 1024;

/** Checks the segments of one writer in order, up to the first thing that is wrong. */
export async function verifyWriter(trail: WriterTrail): Promise<WriterReport> {
  const { files, checkpoints, broken } = trail;
  const { writer, segments } = files;
  const last = Math.max(segments.at(-1) ?? 0, checkpoints.at(-1)?.number ?? 0);
  const oldest = checkpoints.at(-1)?.oldest ?? segments[0] ?? 1;
  const first = Math.min(oldest, segments[0] ?? oldest);
  const begin = beginOf(trail, first);
  let [lines, sealed, end] = [0, 0, begin];
  const { unchecked, contradicted } = prunedHeads(trail, begin);
  const report = (firstBad?: BadSegmentLine): WriterReport => {
    const pruned = Math.max(0, first - 1);
    const counts = { segments: segments.length, lines, sealed, pruned };
    return { writer, ...counts, end, unchecked, ...(firstBad && { firstBad }) };
  };
  if (contradicted !== undefined) return report(contradicted);
  for (let number = first; number <= last; number++) {
    const place = { writer, number };
    const bad = (problem: BadSegmentLine["problem"], detail: string, line = 0): WriterReport =>
      report({ segment: segmentName(place), line, problem, detail });
    if (!segments.includes(number)) {
      if (number < oldest) continue;
      const own = checkpoints.find((one) => one.number === number);
      // The checkpoint of no lines is written before its segment is.
      if (number === last && own?.size === 0) continue;
      if (number === last) return bad("truncated", "the segment is gone");
      return bad("removed", "the segment is gone, and no checkpoint says that retention removed it");
    }
    if (broken?.number === number) return bad(broken.problem, broken.detail);
    const checkpoint = checkpoints.find((one) => one.number === number);
    const mayLack = !trail.mustBeSealed && !files.compressed.has(number);
    // oxlint-disable-next-line no-await-in-loop -- one segment at a time, and only while all is good
    const checked = await checkSegment(number, { ...trail, start: end, checkpoint });
    if (typeof checked === "string") return bad("edited", checked);
    lines += checked.good;
    sealed += Math.min(checked.good, checkpoint?.size ?? 0);
    end = checked.end;
    if (checked.firstBad !== undefined) return report({ ...checked.firstBad, segment: segmentName(place) });
    const hasLines = checked.good > 0 || number < last;
    if (checkpoint === undefined && !mayLack && hasLines && !trail.isSealedNow(number))
      return bad("checkpoint_missing", "it holds lines, and its checkpoint is gone");
  }
  if (broken !== undefined)
    return report({ ...broken, segment: segmentName({ writer, number: broken.number }), line: 0 });
  const lost = lostEnd(trail, end);
  const segment = segmentName({ writer, number: Math.max(last, 1) });
  return report(
    lost === undefined ? undefined : { segment, line: lines + 1, problem: "truncated", detail: lost },
  );
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

interface CheckedSegment {
  readonly good: number;
  readonly end: ChainPosition;
  readonly firstBad: Omit<BadSegmentLine, "segment"> | undefined;
}

interface SegmentJob extends WriterTrail {
  readonly start: ChainPosition;
  readonly checkpoint: Checkpoint | undefined;
}

/** Says why it is nothing to be checked line by line, if so. */
async function checkSegment(number: number, job: SegmentJob): Promise<CheckedSegment | string> {
  try {
    return await checkLinesOf(number, job);
  } catch (error) {
    // Something else than a file stands under its name.
    if (error instanceof AgentplaneError) return error.message;
    throw error;
  }
}

async function checkLinesOf(number: number, job: SegmentJob): Promise<CheckedSegment | string> {
  const { directory, files, start, checkpoint, heads, helpers } = job;
  const place = { writer: files.writer, number };
  const question = { start, sealed: checkpoint?.size ?? 0, watched: heads.map(({ end }) => end.seq) };
  if (!files.compressed.has(number)) {
    const file = path.join(directory, segmentName(place));
    const checked = await checkSegmentFile(file, question, { helpers });
    return judged(checked, job, async () => {
      const { size } = await stat(file);
      return size > MAX_EXPLAINED_BYTES ? undefined : readFile(file);
    });
  }
  const none = { good: 0, end: start, firstBad: undefined };
  if (checkpoint === undefined) return none;
  const file = path.join(directory, compressedName(place));
  const inflated = await inflateSegment(readRegular(file, checkpoint.bytes + MAX_SPARE_BYTES), checkpoint);
  if ("failure" in inflated) return inflated.failure;
  const { bytes } = inflated;
  return judged(await checkSegmentBytes(bytes, question), job, async () => {
    return bytes.length > MAX_EXPLAINED_BYTES ? undefined : bytes;
  });
}

async function judged(
  { good, end, isWhole, root, seen }: SegmentCheck,
  job: SegmentJob,
  read: () => Promise<Buffer | undefined>,
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
function explain(
  bytes: Buffer | undefined,
  good: number,
  { start, hash }: SegmentJob,
): Omit<BadSegmentLine, "segment"> {
  if (bytes === undefined)
    return { line: good + 1, problem: "edited", detail: "the line that belongs there does not stand there" };
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
