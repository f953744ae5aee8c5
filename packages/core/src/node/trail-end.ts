import path from "node:path";

import { CHAIN_START, readStoredLine, type ChainPosition } from "../audit/chain.ts";
import { verifyLines } from "../audit/verify.ts";
import { AgentplaneError } from "../base/errors.ts";
import type { Hash } from "../base/ports.ts";
import type { AuditFileSystem } from "./audit-file-system.ts";
import { readCheckpointText, type Checkpoint } from "./checkpoint.ts";
import { checkpointName, filesOf, segmentName, type SegmentPlace } from "./segment-files.ts";
import { openNote } from "./signed-note.ts";

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
  /** The segment to append to; 1 in an empty directory. */
  readonly number: number;
  /** The oldest segment that is kept. */
  readonly oldest: number;
  readonly torn: TornTail | undefined;
}

const LINE_BREAK = 10;

/**
 * Finds where a writer's trail goes on, and checks the segment it goes on in; changes nothing.
 * @throws AgentplaneError `audit_corrupt` when that segment is not what was written or what its checkpoint says: to go on
 *   would hide that, and sign it
 */
export function findTrailEnd(
  writer: number,
  directory: string,
  files: AuditFileSystem,
  hash: Pick<Hash, "sha256">,
): TrailEnd {
  const { segments, compressed, checkpoints } = filesOf(writer, directory, files);
  const number = Math.max(segments.at(-1) ?? 0, checkpoints.at(-1) ?? 0, 1);
  const place = { writer, number };
  const sealed = readCheckpoint(place, directory, files);
  // Never from what lies there: a segment that is gone would count as removed by retention.
  const newest = checkpoints.at(-1);
  const oldest =
    (newest === undefined ? undefined : readCheckpoint({ writer, number: newest }, directory, files))
      ?.oldest ?? 1;
  if (sealed === undefined && checkpoints.includes(number))
    throw corrupt(place, `${checkpointName(place)} is not a checkpoint`);
  if (!segments.includes(number) || compressed.has(number)) {
    // Retention or compression took it away: the next one is begun.
    if (sealed === undefined) return { start: CHAIN_START, hashes: [], number, oldest, torn: undefined };
    return { start: sealed.end, hashes: [], number: number + 1, oldest, torn: undefined };
  }
  const bytes = files.read(path.join(directory, segmentName(place)));
  const size = bytes.lastIndexOf(LINE_BREAK) + 1;
  const torn =
    size === bytes.length ? undefined : { segment: segmentName(place), size, bytes: bytes.slice(size) };
  const lines = linesOf(bytes.subarray(0, size));
  const start = startOf(lines) ?? sealed?.start ?? endBefore(place, { directory, files, hash });
  const report = verifyLines(lines, hash, { start });
  if (!report.ok) throw corrupt(place, `line ${report.firstBad?.line}: ${report.firstBad?.detail}`);
  const hashes = lines.map((line) => readStoredLine(line)?.hash ?? "");
  if (sealed !== undefined) requireSealed(place, sealed, { start, hashes });
  return { start, hashes, number, oldest, torn };
}

/** The checkpoint of a segment as it lies in the directory, whoever signed it; undefined when there is none or no whole one. */
export function readCheckpoint(
  place: SegmentPlace,
  directory: string,
  files: Pick<AuditFileSystem, "list" | "readText">,
): Checkpoint | undefined {
  const name = checkpointName(place);
  if (!files.list(directory).includes(name)) return undefined;
  const note = openNote(files.readText(path.join(directory, name)), []);
  return note && readCheckpointText(note.text);
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
function endBefore(
  { writer, number }: SegmentPlace,
  {
    directory,
    files,
    hash,
  }: { readonly directory: string; readonly files: AuditFileSystem; readonly hash: Pick<Hash, "sha256"> },
): ChainPosition {
  for (let before = number - 1; before >= 1; before--) {
    const place = { writer, number: before };
    const sealed = readCheckpoint(place, directory, files);
    if (sealed !== undefined) return sealed.end;
    if (!files.list(directory).includes(segmentName(place))) continue;
    const bytes = files.read(path.join(directory, segmentName(place)));
    // Only the newest segment can be torn by a crash: the others were whole before the next was opened.
    if (bytes.length > 0 && bytes.at(-1) !== LINE_BREAK) throw corrupt(place, "its last line breaks off");
    const last = linesOf(bytes).at(-1);
    const line = last === undefined ? undefined : readStoredLine(last);
    if (last === undefined) continue;
    if (line === undefined || hash.sha256(line.text) !== line.hash)
      throw corrupt(place, "it does not end in a line of an audit trail");
    return { seq: line.seq + 1, prev: line.hash };
  }
  return CHAIN_START;
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

function corrupt(place: SegmentPlace, why: string): AgentplaneError {
  const segment = segmentName(place);
  const message = `${segment} is not as it was written: ${why}; verify the directory, then move it away to start a new trail`;
  return new AgentplaneError("audit_corrupt", message, { data: { segment } });
}
