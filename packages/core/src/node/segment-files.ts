import path from "node:path";

import { CHAIN_START, readStoredLine, type ChainPosition } from "../audit/chain.ts";
import { AgentplaneError } from "../base/errors.ts";
import type { Hash } from "../base/ports.ts";
import type { AuditFileSystem } from "./audit-file-system.ts";

const NAME = /^audit-(\d{6,})\.jsonl$/;
const LINE_BREAK = 10;
const FIRST_LOOK_BYTES = 64 * 1024;

/** The file name of a segment: `audit-000001.jsonl`; padded so that listings stand in order. */
export function segmentName(number: number): string {
  return `audit-${String(number).padStart(6, "0")}.jsonl`;
}

/** The numbers of the segments in a directory, ascending. */
export function segmentNumbers(directory: string, files: Pick<AuditFileSystem, "list">): readonly number[] {
  return files
    .list(directory)
    .flatMap((name) => NAME.exec(name)?.[1] ?? [])
    .map(Number)
    .toSorted((a, b) => a - b);
}

/** Bytes after the last line break of a segment: a write that a crash tore. */
export interface TornTail {
  readonly segment: string;
  /** Length of the file without them. */
  readonly size: number;
  readonly bytes: Uint8Array;
}

/** Where a directory's trail goes on. */
export interface TrailEnd {
  readonly position: ChainPosition;
  /** The segment to append to; 1 in an empty directory. */
  readonly segment: number;
  readonly torn: TornTail | undefined;
}

/**
 * Finds where the trail in a directory goes on; changes nothing.
 * @throws AgentplaneError `audit_corrupt` when the last whole line is not a line of a trail: appending would hide that
 */
export function findTrailEnd(
  directory: string,
  files: AuditFileSystem,
  hash: Pick<Hash, "sha256">,
): TrailEnd {
  const numbers = segmentNumbers(directory, files);
  const segment = numbers.at(-1) ?? 1;
  let torn: TornTail | undefined;
  for (const number of numbers.toReversed()) {
    const name = segmentName(number);
    const end = readEnd(path.join(directory, name), files);
    if (end.torn.length > 0) {
      // Only the newest segment can be torn by a crash: the others were whole before the next was opened.
      if (number !== segment) throw corrupt(name);
      torn = { segment: name, size: end.size - end.torn.length, bytes: end.torn };
    }
    if (end.lastLine === undefined) continue;
    const line = readStoredLine(end.lastLine);
    if (line === undefined || hash.sha256(line.text) !== line.hash) throw corrupt(name);
    return { position: { seq: line.seq + 1, prev: line.hash }, segment, torn };
  }
  return { position: CHAIN_START, segment, torn };
}

interface FileEnd {
  readonly size: number;
  /** Undefined when the file holds no whole line. */
  readonly lastLine: string | undefined;
  readonly torn: Uint8Array;
}

/** Reads from the end only: a segment is large, its last line is not. */
function readEnd(file: string, files: AuditFileSystem): FileEnd {
  const size = files.size(file);
  for (let look = FIRST_LOOK_BYTES; ; look *= 8) {
    const bytes = files.readEnd(file, look);
    const end = bytes.lastIndexOf(LINE_BREAK);
    const start = end > 0 ? bytes.lastIndexOf(LINE_BREAK, end - 1) : -1;
    if (start === -1 && bytes.length < size) continue;
    const lastLine = end === -1 ? undefined : new TextDecoder().decode(bytes.subarray(start + 1, end));
    return { size, lastLine, torn: bytes.slice(end + 1) };
  }
}

function corrupt(segment: string): AgentplaneError {
  const message =
    `${segment} does not end in a line of an audit trail; ` +
    "verify the directory, then move it away to start a new trail";
  return new AgentplaneError("audit_corrupt", message, { data: { segment } });
}
