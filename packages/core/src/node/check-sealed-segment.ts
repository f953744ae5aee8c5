import { readFile, stat } from "node:fs/promises";
import path from "node:path";

import type { ChainPosition } from "../audit/chain.ts";
import { verifyLines, type BadLine, type LineProblem } from "../audit/verify.ts";
import { AgentplaneError } from "../base/errors.ts";
import type { Hash } from "../base/ports.ts";
import { hasCode } from "./system-error.ts";
import { checkSegmentBytes, checkSegmentFile, type SegmentCheck } from "./check-segment.ts";
import type { Checkpoint } from "./checkpoint.ts";
import { inflateSegment } from "./inflate-segment.ts";
import type { KnownHead } from "./known-heads.ts";
import type { PartHelpers } from "./part-helpers.ts";
import type { CheckpointProblem } from "./read-checkpoints.ts";
import { readRegular } from "./regular-file.ts";
import { compressedName, segmentName, type WriterFiles } from "./segment-files.ts";

/** A longer segment is not read whole to say what happened to its first bad line. */
const MAX_EXPLAINED_BYTES = 256 * 1024 * 1024;

/** So much more than it seals a compressed file may hold and still be read, to say what is wrong with it. */
const MAX_SPARE_BYTES = 16 * 1024 * 1024;

/** The first thing that is wrong, and the segment it concerns. */
export interface BadSegmentLine extends Omit<BadLine, "problem"> {
  readonly problem: LineProblem | CheckpointProblem;
  /** File name; `line` counts within it, 0 where it is about the segment as a whole. */
  readonly segment: string;
}

/** How far a segment is what was written. */
export interface CheckedSegment {
  readonly good: number;
  readonly end: ChainPosition;
  readonly firstBad: Omit<BadSegmentLine, "segment"> | undefined;
}

/** A segment, and what it must be. */
export interface SegmentJob {
  readonly directory: string;
  readonly files: WriterFiles;
  readonly hash: Pick<Hash, "sha256">;
  readonly heads: readonly KnownHead[];
  readonly helpers: PartHelpers;
  readonly start: ChainPosition;
  readonly checkpoint: Checkpoint | undefined;
}

/** In place of what was found: the file that was listed is not there any more. */
export const GONE = Symbol("gone");

/**
 * Checks the lines of a segment, and its checkpoint.
 * @returns Why it is nothing to be checked line by line, if so.
 */
export async function checkSealedSegment(
  number: number,
  job: SegmentJob,
): Promise<CheckedSegment | string | typeof GONE> {
  try {
    return await checkLinesOf(number, job);
  } catch (error) {
    // Something else than a file stands under its name.
    if (error instanceof AgentplaneError) return error.message;
    if (hasCode(error, "ENOENT")) return GONE;
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
