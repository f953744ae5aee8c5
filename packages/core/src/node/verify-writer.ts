import { readFileSync } from "node:fs";
import { readFile } from "node:fs/promises";
import path from "node:path";
import { promisify } from "node:util";
import { gunzip } from "node:zlib";

import { CHAIN_START, type ChainPosition } from "../audit/chain.ts";
import { verifyLines, type BadLine, type LineProblem } from "../audit/verify.ts";
import type { Hash } from "../base/ports.ts";
import { checkLines } from "./check-lines.ts";
import type { Checkpoint } from "./checkpoint.ts";
import { MerkleTree } from "./merkle-tree.ts";
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
    // oxlint-disable-next-line no-await-in-loop -- one segment in memory at a time, and only while all is good
    const bytes = await readSegment(trail, number);
    if (bytes === undefined) return bad("edited", "its compressed bytes are damaged");
    const checked = checkSegment(bytes, { ...trail, start: end, checkpoint });
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

async function readSegment(
  { directory, files: { writer, compressed } }: WriterTrail,
  number: number,
): Promise<Buffer | undefined> {
  const place = { writer, number };
  // In one piece: in many small ones, as the asynchronous call reads, it takes as long as checking a quarter of it.
  if (!compressed.has(number)) return readFileSync(path.join(directory, segmentName(place)));
  const packed = await readFile(path.join(directory, compressedName(place)));
  // The answer is the point; what zlib says of damaged bytes tells no more.
  return decompress(packed).catch(() => undefined);
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

function checkSegment(bytes: Buffer, job: SegmentJob): CheckedSegment {
  const { start, checkpoint } = job;
  const tree = new MerkleTree();
  const known = new Map(job.heads.map(({ end, why }) => [end.seq, { prev: end.prev, why }]));
  let root: string | undefined;
  let other: Omit<BadSegmentLine, "segment"> | undefined;
  const { good, end, isWhole } = checkLines(bytes, start, (hash) => {
    if (checkpoint !== undefined) tree.add(hash);
    if (tree.size === checkpoint?.size) root = tree.root();
    const expected = known.get(start.seq + tree.size);
    if (expected === undefined || expected.prev === hash) return;
    other ??= { line: tree.size, problem: "edited", detail: `it is not the line that ${expected.why} saw` };
  });
  if (!isWhole) return { good, end, firstBad: explain(bytes, good, job) };
  return { good, end, firstBad: other ?? againstCheckpoint(checkpoint, { good, start, root }) };
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
