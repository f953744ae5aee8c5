import type { ChainPosition } from "../audit/chain.ts";
import type { VerifyReport } from "../audit/verify.ts";
import { ConfigError } from "../base/errors.ts";
import type { Hash } from "../base/ports.ts";
import { createPorts } from "../base/runtime.ts";
import { nodeFileSystem } from "./audit-file-system.ts";
import type { BadSegmentLine } from "./check-sealed-segment.ts";
import { readCheckpointText, type Checkpoint } from "./checkpoint.ts";
import { refuseUnknown, type OptionNames } from "./option-names.ts";
import { PartHelpers } from "./part-helpers.ts";
import { readTrusted, type TrustedSigners } from "./checkpoint-trust.ts";
import type { KnownHead, UncheckedHead } from "./known-heads.ts";
import { readCheckpoints, type CheckpointDemands } from "./read-checkpoints.ts";
import { filesOf, listWriters } from "./segment-files.ts";
import { openNote } from "./signed-note.ts";
import { verifyWriter, type ReadWriter, type WriterReport } from "./verify-writer.ts";

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
  /** The id that its checkpoints have in common; undefined where there are none. */
  readonly trail: string | undefined;
  /** Published checkpoints of lines that retention has removed, which nothing that is left tells anything about. */
  readonly unchecked: readonly UncheckedHead[];
}

/** What a check may be told beside the directory. */
export interface VerifyDirectoryOptions {
  /**
   * Public keys of `generateAuditKeys`: a checkpoint counts only when one of them has signed it. Default: checkpoints
   * count unsigned, which finds accidents, not somebody who can write the directory. With `"unsigned"` among them those
   * that nobody has signed count up to the first that is signed: for a trail that was signed later.
   */
  readonly keys?: readonly string[];
  /** Notes of checkpoints that were kept elsewhere (`publishTo`): find a trail that was cut at its end. */
  readonly published?: readonly string[];
  /** The id that the trail must have (`sink.trail`): finds another directory in its place. Default: as published. */
  readonly trail?: string;
  /** Ends that were kept elsewhere (`sink.end`): the trail must end exactly there. */
  readonly ends?: readonly WriterEnd[];
  /** Where the first writer's oldest segment starts, if older ones were moved away by hand. */
  readonly start?: ChainPosition;
  readonly hash?: Pick<Hash, "sha256">;
}

const KNOWN: OptionNames<VerifyDirectoryOptions> = {
  keys: true,
  published: true,
  trail: true,
  ends: true,
  start: true,
  hash: true,
};

/**
 * Checks an audit directory: every line of every segment of every writer, and the checkpoints that seal them.
 * @param directory As given to `jsonlSink`; may be in use: a last line that is just being written counts as truncated, what is
 *   compressed or removed by retention meanwhile counts as that.
 * @returns What was found, up to the first thing that is wrong; rejects only when the files cannot be read.
 * @throws ConfigError (rejects) for an unknown option, a key that is none, and for a published note that is none or not signed by `keys`
 */
export async function verifyDirectory(
  directory: string,
  options: VerifyDirectoryOptions = {},
): Promise<DirectoryReport> {
  refuseUnknown("verifyDirectory", options, KNOWN);
  const trusted = options.keys && readTrusted(options.keys);
  const published = (options.published ?? []).map((note, index) => readPublished(note, index, trusted));
  const { ends = [], hash = createPorts().hash } = options;
  const demands = { directory, trusted, trail: commonTrail(published, options.trail) };
  const writers = readWriters(demands);
  const heads = headsOf(writers, published);
  for (const writer of new Set([...heads, ...ends].map((named) => named.writer))) {
    if (writers.some(({ files }) => files.writer === writer)) continue;
    const files = { writer, segments: [], compressed: new Set<number>(), checkpoints: [] };
    writers.push({ files, checkpoints: [], broken: undefined });
  }
  // Every segment has one from before its first line on, unless all of them were moved away.
  const mustBeSealed = trusted !== undefined || writers.some(({ files }) => files.checkpoints.length > 0);
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
        mustBeSealed,
        lookAgain() {
          const files = filesOf(writer, directory, nodeFileSystem);
          const trail = one.checkpoints[0]?.trail ?? demands.trail;
          return { files, ...readCheckpoints(files, { ...demands, trail }) };
        },
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
  return {
    ...summary(reports),
    trail: writers.find(({ checkpoints }) => checkpoints.length > 0)?.checkpoints[0]?.trail,
  };
}

/** What lies there of each writer, all of one trail. */
function readWriters(demands: CheckpointDemands): ReadWriter[] {
  let { trail } = demands;
  return listWriters(demands.directory, nodeFileSystem).map((files) => {
    const read = readCheckpoints(files, { ...demands, trail });
    trail ??= read.checkpoints[0]?.trail;
    return { files, ...read };
  });
}

/** What others saw of a writer must still be there, even if nothing else of it is. */
function headsOf(
  writers: readonly ReadWriter[],
  published: readonly Checkpoint[],
): readonly (KnownHead & { readonly writer: number })[] {
  const joined = writers.flatMap(({ checkpoints }) => checkpoints.flatMap((checkpoint) => checkpoint.joined));
  return [
    ...published.map((checkpoint) => {
      const { writer, number, end } = checkpoint;
      return { writer, number, end, why: "a published checkpoint", published: checkpoint };
    }),
    ...joined.map((head) => ({ ...head, why: "a checkpoint of another writer" })),
  ];
}

function summary(reports: readonly WriterReport[]): Omit<DirectoryReport, "trail"> {
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
    unchecked: reports.flatMap(({ unchecked }) => unchecked),
  };
}

/** The trail that published notes are of, which must be one. */
function commonTrail(published: readonly Checkpoint[], wanted: string | undefined): string | undefined {
  const trail = wanted ?? published[0]?.trail;
  const other = published.findIndex((checkpoint) => checkpoint.trail !== trail);
  if (other === -1) return trail;
  const message = `is of the trail ${published[other]?.trail}, not of ${trail}; give the notes of one trail`;
  throw new ConfigError("verifyDirectory", [{ path: `published[${other}]`, message }]);
}

function readPublished(note: string, index: number, trusted: TrustedSigners | undefined): Checkpoint {
  const opened = openNote(note, trusted?.keys ?? []);
  const checkpoint = opened && readCheckpointText(opened.text);
  const issue = (message: string): ConfigError =>
    new ConfigError("verifyDirectory", [{ path: `published[${index}]`, message }]);
  if (opened === undefined || checkpoint === undefined) throw issue("is not the note of a checkpoint");
  if (trusted !== undefined && opened.signedBy.length === 0 && !trusted.hasUnsigned)
    throw issue("is not signed by any of the keys");
  return checkpoint;
}
