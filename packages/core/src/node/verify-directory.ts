import type { ChainPosition } from "../audit/chain.ts";
import type { VerifyReport } from "../audit/verify.ts";
import { ConfigError } from "../base/errors.ts";
import type { Hash } from "../base/ports.ts";
import { createPorts } from "../base/runtime.ts";
import { nodeFileSystem } from "./audit-file-system.ts";
import { readCheckpointText, type Checkpoint } from "./checkpoint.ts";
import { PartHelpers } from "./part-helpers.ts";
import { readCheckpoints } from "./read-checkpoints.ts";
import { listWriters } from "./segment-files.ts";
import { openNote, readPublicKey, type NoteVerifier } from "./signed-note.ts";
import { verifyWriter, type BadSegmentLine, type WriterReport } from "./verify-writer.ts";

/** Where the trail of one writer ends. */
export interface WriterEnd extends ChainPosition {
  /** From 1; more than one where several processes write a directory. */
  readonly writer: number;
}

/** What a check of a whole audit directory found. */
export interface DirectoryReport extends Omit<VerifyReport, "firstBad" | "end"> {
  readonly firstBad?: BadSegmentLine;
  readonly segments: number;
  /** Good lines that a checkpoint seals; with `keys`, one that they have signed. */
  readonly sealed: number;
  /** Segments that retention has removed, as the checkpoints say. */
  readonly prunedSegments: number;
  /** Where the trail of each writer ends. */
  readonly ends: readonly WriterEnd[];
}

/** What a check may be told beside the directory. */
export interface VerifyDirectoryOptions {
  /**
   * Public keys of `generateAuditKeys`: a checkpoint counts only when one of them has signed it. Default: checkpoints
   * count unsigned, which finds accidents, not somebody who can write the directory.
   */
  readonly keys?: readonly string[];
  /** Notes of checkpoints that were kept elsewhere (`publishTo`): find a trail that was cut at its end. */
  readonly published?: readonly string[];
  /** Ends that were kept elsewhere (`sink.end`): the trail must end exactly there. */
  readonly ends?: readonly WriterEnd[];
  /** Where the first writer's oldest segment starts, if older ones were moved away by hand. */
  readonly start?: ChainPosition;
  readonly hash?: Pick<Hash, "sha256">;
}

/**
 * Checks an audit directory: every line of every segment of every writer, and the checkpoints that seal them.
 * @param directory As given to `jsonlSink`; may be in use: a last line that is just being written counts as truncated.
 * @returns What was found, up to the first thing that is wrong; rejects only when the files cannot be read.
 * @throws ConfigError (rejects) for a key that is none, and for a published note that is none or not signed by `keys`
 */
export async function verifyDirectory(
  directory: string,
  options: VerifyDirectoryOptions = {},
): Promise<DirectoryReport> {
  const keys = options.keys?.map(readPublicKey);
  const published = (options.published ?? []).map((note, index) => readPublished(note, index, keys));
  const { ends = [], hash = createPorts().hash } = options;
  const present = listWriters(directory, nodeFileSystem);
  const writers = present.map((files) => ({ files, ...readCheckpoints(files, directory, keys) }));
  // What others saw of a writer must still be there, even if nothing else of it is.
  const joined = writers.flatMap(({ checkpoints }) => checkpoints.flatMap((checkpoint) => checkpoint.joined));
  const heads = [
    ...published.map(({ writer, end }) => ({ writer, end, why: "a published checkpoint" })),
    ...joined.map(({ writer, end }) => ({ writer, end, why: "a checkpoint of another writer" })),
  ];
  const named = [...heads, ...ends].map(({ writer }) => writer);
  for (const writer of new Set(named)) {
    if (writers.some(({ files }) => files.writer === writer)) continue;
    const files = { writer, segments: [], compressed: new Set<number>(), checkpoints: [] };
    writers.push({ files, checkpoints: [], broken: undefined });
  }
  const reports: WriterReport[] = [];
  const helpers = new PartHelpers();
  try {
    for (const one of writers) {
      const { writer } = one.files;
      const end = ends.find((wanted) => wanted.writer === writer);
      // oxlint-disable-next-line no-await-in-loop -- one writer after the other
      const report = await verifyWriter({
        ...one,
        directory,
        hash,
        helpers,
        mustBeSealed: keys !== undefined,
        heads: heads.filter((head) => head.writer === writer),
        ...(writer === 1 && options.start && { start: options.start }),
        ...(end && { end }),
      });
      reports.push(report);
      if (report.firstBad !== undefined) break;
    }
  } finally {
    await helpers.close();
  }
  return summary(reports);
}

function summary(reports: readonly WriterReport[]): DirectoryReport {
  const sum = (of: (report: WriterReport) => number): number =>
    reports.reduce((total, report) => total + of(report), 0);
  const firstBad = reports.find((report) => report.firstBad !== undefined)?.firstBad;
  const sealed = sum((report) => report.sealed);
  return {
    ok: firstBad === undefined,
    ...(firstBad && { firstBad }),
    segments: sum((report) => report.segments),
    lines: sum((report) => report.lines),
    sealed,
    unsealedTail: Math.max(0, sum((report) => report.lines) - sealed),
    prunedSegments: sum((report) => report.pruned),
    ends: reports.map(({ writer, end }) => ({ writer, ...end })),
  };
}

function readPublished(note: string, index: number, keys: readonly NoteVerifier[] | undefined): Checkpoint {
  const opened = openNote(note, keys ?? []);
  const checkpoint = opened && readCheckpointText(opened.text);
  const issue = (message: string): ConfigError =>
    new ConfigError("verifyDirectory", [{ path: `published[${index}]`, message }]);
  if (opened === undefined || checkpoint === undefined) throw issue("is not the note of a checkpoint");
  if (keys !== undefined && opened.signedBy.length === 0) throw issue("is not signed by any of the keys");
  return checkpoint;
}
