import { setImmediate } from "node:timers/promises";

import type { ChainPosition } from "../audit/chain.ts";
import { MerkleTree } from "./merkle-tree.ts";
import type { PartHelpers } from "./part-helpers.ts";
import { takeNoMore, takePart, type PartJob } from "./part-job.ts";
import { checkPart, readPart, sizeOf, type PartQuestion, type PartReport } from "./segment-part.ts";

/** How a segment is checked. */
export interface SegmentQuestion extends Omit<PartQuestion, "startSeq"> {
  /** Where it must start. */
  readonly start: ChainPosition;
}

/** How far a segment is a good chain. */
export interface SegmentCheck {
  /** Good lines from the first. */
  readonly good: number;
  readonly end: ChainPosition;
  /** Whether nothing else follows. */
  readonly isWhole: boolean;
  /** Merkle root of the lines asked for; undefined when there are fewer. */
  readonly root: string | undefined;
  readonly seen: readonly ChainPosition[];
}

/** How a file is read. */
export interface FileReading {
  /** Take parts beside this thread, of long files. */
  readonly helpers?: Pick<PartHelpers, "ask">;
  /** Default 2 MiB. */
  readonly partBytes?: number;
}

const LINE_BREAK = 10;
const PART_BYTES = 2 * 1024 * 1024;
/** Starting threads takes as long as checking so many parts. */
const PARTS_WORTH_HELP = 6;

/** Checks a segment in memory, part by part: others of this process want to go on, too. */
export async function checkSegmentBytes(
  bytes: Buffer,
  question: SegmentQuestion,
  { partBytes = PART_BYTES }: Pick<FileReading, "partBytes"> = {},
): Promise<SegmentCheck> {
  const asked = partQuestion(question);
  const reports: PartReport[] = [];
  for (let from = 0; from < bytes.length;) {
    const lineBreak = bytes.indexOf(LINE_BREAK, Math.min(from + partBytes, bytes.length) - 1);
    const to = lineBreak === -1 ? bytes.length : lineBreak + 1;
    reports.push(checkPart(bytes.subarray(from, to), asked));
    from = to;
    // oxlint-disable-next-line no-await-in-loop
    await setImmediate();
  }
  return joined(reports, question);
}

/**
 * Checks the file of a segment, part by part: only so much is in memory, and threads may share the work. That each part
 * follows from the one before is what makes it one chain.
 */
export async function checkSegmentFile(
  path: string,
  question: SegmentQuestion,
  { helpers, partBytes = PART_BYTES }: FileReading = {},
): Promise<SegmentCheck> {
  const size = sizeOf(path);
  const count = Math.ceil(size / partBytes);
  const next = new Int32Array(new SharedArrayBuffer(Int32Array.BYTES_PER_ELEMENT));
  const job: PartJob = { ...partQuestion(question), path, size, partBytes, count, next };
  const answers = count < PARTS_WORTH_HELP ? [] : (helpers?.ask(job) ?? []);
  const reports = new Map<number, PartReport>();
  for (let index = takePart(job); index !== undefined; index = takePart(job)) {
    const report = checkPart(readPart(job, index), job);
    reports.set(index, report);
    if (!report.isWhole) takeNoMore(job);
    // oxlint-disable-next-line no-await-in-loop -- others of this process want to go on, too
    await setImmediate();
  }
  // A helper that took none is not waited for: it may still be starting.
  if (reports.size < count)
    for (const [index, report] of (await Promise.all(answers)).flat()) reports.set(index, report);
  const all: PartReport[] = [];
  for (let index = 0; index < count && all.at(-1)?.isWhole !== false; index++)
    all.push(reports.get(index) ?? checkPart(readPart(job, index), job));
  return joined(all, question);
}

function partQuestion({ start, sealed, watched }: SegmentQuestion): PartQuestion {
  return { startSeq: start.seq, sealed, watched };
}

/** Parts as one chain, up to the first line that does not belong there. */
function joined(parts: readonly PartReport[], { start, sealed }: SegmentQuestion): SegmentCheck {
  const tree = new MerkleTree();
  const seen: ChainPosition[] = [];
  let end = start;
  const check = (isWhole: boolean): SegmentCheck => {
    const root = tree.size === sealed ? tree.root() : undefined;
    return { good: end.seq - start.seq, end, isWhole, root, seen };
  };
  for (const part of parts) {
    const { first } = part;
    if (first !== undefined && (first.seq !== end.seq || first.prev !== end.prev)) return check(false);
    for (const { node, lines } of part.subtrees) tree.addSubtree(node, lines);
    seen.push(...part.seen);
    end = part.end ?? end;
    if (!part.isWhole) return check(false);
  }
  return check(true);
}
