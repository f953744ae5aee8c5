import { readFile } from "node:fs/promises";
import path from "node:path";

import { CHAIN_START, type ChainPosition } from "../audit/chain.ts";
import { verifyLines, type BadLine, type VerifyReport } from "../audit/verify.ts";
import type { Hash } from "../base/ports.ts";
import { createPorts } from "../base/runtime.ts";
import { nodeFileSystem } from "./audit-file-system.ts";
import { segmentName, segmentNumbers } from "./segment-files.ts";

/** The first bad line and the segment it stands in. */
export interface BadSegmentLine extends BadLine {
  /** File name; `line` counts within it. */
  readonly segment: string;
}

/** What a check of a whole audit directory found. */
export interface DirectoryReport extends Omit<VerifyReport, "firstBad"> {
  readonly segments: number;
  readonly firstBad?: BadSegmentLine;
}

/** What a check may be told beside the directory. */
export interface VerifyDirectoryOptions {
  /** Where the first segment starts, if older ones were moved away. Default: a new chain. */
  readonly start?: ChainPosition;
  /** Where the trail must end, if that was kept elsewhere. */
  readonly end?: ChainPosition;
  readonly hash?: Pick<Hash, "sha256">;
}

/**
 * Checks every segment of an audit directory, one chain through all of them, up to the first bad line.
 * @param directory As given to `jsonlSink`; may be in use: a last line that is just being written counts as truncated.
 * @returns What was found; rejects only when the files cannot be read.
 */
export async function verifyDirectory(
  directory: string,
  { start = CHAIN_START, end: wanted, hash = createPorts().hash }: VerifyDirectoryOptions = {},
): Promise<DirectoryReport> {
  const numbers = segmentNumbers(directory, nodeFileSystem);
  if (numbers.length === 0) return emptyReport(start, wanted, hash);
  let [lines, end] = [0, start];
  for (const number of numbers) {
    const segment = segmentName(number);
    const isLast = number === numbers.at(-1);
    // One segment in memory at a time; the next is only read when this one is good.
    // oxlint-disable-next-line no-await-in-loop
    const text = await readFile(path.join(directory, segment), "utf8");
    const report = verifyLines(splitLines(text), hash, {
      start: end,
      ...(isLast && wanted && { end: wanted }),
    });
    const firstBad = report.firstBad ?? unendedLine(text, report.lines);
    lines += report.lines;
    end = report.end;
    const found = { segments: numbers.length, lines, unsealedTail: end.seq - start.seq, end };
    if (firstBad !== undefined) return { ...found, ok: false, firstBad: { ...firstBad, segment } };
  }
  return { ok: true, segments: numbers.length, lines, unsealedTail: end.seq - start.seq, end };
}

function emptyReport(
  start: ChainPosition,
  wanted: ChainPosition | undefined,
  hash: Pick<Hash, "sha256">,
): DirectoryReport {
  const { firstBad, ...report } = verifyLines([], hash, { start, ...(wanted && { end: wanted }) });
  return { ...report, segments: 0, ...(firstBad && { firstBad: { ...firstBad, segment: segmentName(1) } }) };
}

function splitLines(text: string): readonly string[] {
  const lines = text.split("\n");
  if (lines.at(-1) === "") lines.pop();
  return lines;
}

/** A line is whole only with its line break: without it the write was cut, even if the text happens to be whole. */
function unendedLine(text: string, lines: number): BadLine | undefined {
  if (text === "" || text.endsWith("\n")) return undefined;
  return { line: lines, problem: "truncated", detail: "the last line has no line break" };
}
