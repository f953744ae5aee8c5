import path from "node:path";

import { CHAIN_START, readStoredLine, type ChainPosition } from "../audit/chain.ts";
import { verifyLines } from "../audit/verify.ts";
import type { Hash } from "../base/ports.ts";
import type { AuditFileSystem } from "./audit-file-system.ts";
import type { Checkpoint } from "./checkpoint.ts";
import { corrupt, type TrustedCheckpoints } from "./checkpoint-trust.ts";
import { filesOf, segmentName, type SegmentPlace } from "./segment-files.ts";

/** Bytes after the last line break of a segment: a write that a crash tore. */
export interface TornTail {
  readonly segment: string;
  /** Length of the file without them. */
  readonly size: number;
  readonly bytes: Uint8Array;
}

/** Where a writer's trail goes on. */
export interface TrailEnd {
  /** Place of the first line of the segment. */
  readonly start: ChainPosition;
  /** Hashes of the lines that the segment holds already. */
  readonly hashes: readonly string[];
  /** Their length. */
  readonly bytes: number;
  /** How many of them no checkpoint seals. */
  readonly unsealed: number;
  /** The segment to append to; 1 in an empty directory. */
  readonly number: number;
  /** The oldest segment that is kept. */
  readonly oldest: number;
  readonly torn: TornTail | undefined;
}

const LINE_BREAK = 10;
/** Node.js makes no longer string; segments are shorter by far, see `maxSegmentBytes`. */
export const MAX_READ_BYTES = 512 * 1024 * 1024 - 1024;

/** What finding the end works with. */
export interface TrailSources {
  readonly directory: string;
  readonly files: AuditFileSystem;
  readonly hash: Pick<Hash, "sha256">;
  readonly checkpoints: TrustedCheckpoints;
}

/**
 * Takes the newest segment out of the hands of a process that may only stand still: what it was about to write must not
 * come between the lines of who goes on.
 */
export function detachNewest(
  writer: number,
  { directory, files }: Pick<TrailSources, "directory" | "files">,
): void {
  const { segments, compressed } = filesOf(writer, directory, files);
  const number = segments.at(-1);
  if (number !== undefined && !compressed.has(number))
    files.detach(path.join(directory, segmentName({ writer, number })));
}

/**
 * Finds where a writer's trail goes on, and checks the segment it goes on in; changes nothing.
 * @throws AgentplaneError `audit_corrupt` when that segment is not what was written or what its checkpoint says, or no
 *   checkpoint that counts begins it: to go on would hide that, and sign it
 */
export function findTrailEnd(writer: number, sources: TrailSources): TrailEnd {
  const { directory, files, hash, checkpoints } = sources;
  const { segments, compressed, checkpoints: sealedNumbers } = filesOf(writer, directory, files);
  const number = Math.max(segments.at(-1) ?? 0, sealedNumbers.at(-1) ?? 0, 1);
  const place = { writer, number };
  const sealed = checkpoints.read(place);
  // Never from what lies there: a segment that is gone would count as removed by retention.
  const newest = sealedNumbers.at(-1);
  const oldest =
    (newest === undefined ? undefined : checkpoints.read({ writer, number: newest }))?.oldest ?? 1;
  if (sealed === undefined && compressed.has(number) && !checkpoints.mayLack)
    throw corrupt(place, "it is compressed, and no checkpoint says what it holds");
  if (!segments.includes(number) || compressed.has(number)) {
    const start = sealed?.end ?? CHAIN_START;
    // A checkpoint of no lines is written before its segment; any other says that the segment is gone, or compressed.
    const next = sealed === undefined || sealed.size === 0 ? number : number + 1;
    return { start, hashes: [], bytes: 0, unsealed: 0, number: next, oldest, torn: undefined };
  }
  const file = path.join(directory, segmentName(place));
  // Before it is read: what is planted may be as long as one likes.
  if (sealed === undefined && !checkpoints.mayLack && files.size(file) > 0)
    throw corrupt(place, "it holds lines, and no checkpoint begins it");
  if (files.size(file) > MAX_READ_BYTES)
    throw corrupt(place, `it is longer than ${MAX_READ_BYTES} bytes, which no segment is`);
  const content = files.read(file);
  const bytes = content.lastIndexOf(LINE_BREAK) + 1;
  const isTorn = bytes < content.length;
  const torn = isTorn ? { segment: segmentName(place), size: bytes, bytes: content.slice(bytes) } : undefined;
  const lines = linesOf(content.subarray(0, bytes));
  const start = sealed?.start ?? startOf(lines) ?? endBefore(place, sources);
  const report = verifyLines(lines, hash, { start });
  if (!report.ok) throw corrupt(place, `line ${report.firstBad?.line}: ${report.firstBad?.detail}`);
  const hashes = lines.map((line) => readStoredLine(line)?.hash ?? "");
  if (sealed !== undefined) requireSealed(place, sealed, { start, hashes });
  const unsealed = hashes.length - (sealed?.isProof === true ? sealed.size : 0);
  return { start, hashes, bytes, unsealed, number, oldest, torn };
}

function requireSealed(
  place: SegmentPlace,
  sealed: Checkpoint,
  { start, hashes }: { readonly start: ChainPosition; readonly hashes: readonly string[] },
): void {
  const { size, end } = sealed;
  if (hashes.length < size)
    throw corrupt(place, `it holds ${hashes.length} lines, its checkpoint seals ${size}`);
  const last = size === 0 ? start.prev : hashes[size - 1];
  if (last !== end.prev || start.seq !== sealed.start.seq)
    throw corrupt(place, "its lines are not those that its checkpoint seals");
}

/** Where the segment before an empty one ends. */
function endBefore({ writer, number }: SegmentPlace, sources: TrailSources): ChainPosition {
  for (let before = number - 1; before >= 1; before--) {
    const place = { writer, number: before };
    const sealed = sources.checkpoints.read(place);
    const found = lastPlace(place, sources);
    // Sealed whole before the next was begun.
    if (sealed !== undefined && found !== undefined && found.prev !== sealed.end.prev)
      throw corrupt(place, "it does not end where its checkpoint says");
    const end = sealed?.end ?? found;
    if (end !== undefined) return end;
  }
  return CHAIN_START;
}

/** The place after the last line of an ended segment; undefined when it has none, is compressed or gone. */
function lastPlace(place: SegmentPlace, { directory, files, hash }: TrailSources): ChainPosition | undefined {
  if (!files.list(directory).includes(segmentName(place))) return undefined;
  const bytes = files.read(path.join(directory, segmentName(place)));
  // Only the newest segment can be torn by a crash: the others were whole before the next was opened.
  if (bytes.length > 0 && bytes.at(-1) !== LINE_BREAK) throw corrupt(place, "its last line breaks off");
  const last = linesOf(bytes).at(-1);
  if (last === undefined) return undefined;
  const line = readStoredLine(last);
  if (line === undefined || hash.sha256(line.text) !== line.hash)
    throw corrupt(place, "it does not end in a line of an audit trail");
  return { seq: line.seq + 1, prev: line.hash };
}

function startOf(lines: readonly string[]): ChainPosition | undefined {
  const first = lines[0] === undefined ? undefined : readStoredLine(lines[0]);
  return first && { seq: first.seq, prev: first.prev };
}

function linesOf(bytes: Uint8Array): readonly string[] {
  const lines = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString("utf8").split("\n");
  if (lines.at(-1) === "") lines.pop();
  return lines;
}
