import type { AuditRecord, ControlRecord } from "../audit/audit-record.ts";
import type { AuditSink } from "../audit/audit-sink.ts";
import { createChain } from "../audit/chain.ts";
import { AgentplaneError, ConfigError } from "../base/errors.ts";
import type { JsonObject } from "../base/json.ts";
import type { Ports } from "../base/ports.ts";
import { createPorts } from "../base/runtime.ts";
import { adoptWriters } from "./adopt-writers.ts";
import { nodeFileSystem, type AuditFileSystem } from "./audit-file-system.ts";
import { lockWriter, type Processes } from "./directory-lock.ts";
import { GroupCommit } from "./group-commit.ts";
import { publishCheckpoint } from "./publish-checkpoint.ts";
import { segmentName, type SegmentPlace } from "./segment-files.ts";
import { SegmentSeal } from "./segment-seal.ts";
import { SegmentWriter } from "./segment-writer.ts";
import { createNoteSigner, type NoteSigner } from "./signed-note.ts";
import { repairTornTail } from "./torn-tail.ts";
import { findTrailEnd } from "./trail-end.ts";
import { TrailUpkeep, type Retention } from "./trail-upkeep.ts";
import type { WriterEnd } from "./verify-directory.ts";

/** Where and how the audit trail is written. */
export interface JsonlSinkOptions {
  /** Created if need be. Several processes may share it: each writes segments of its own, joined by checkpoints. */
  readonly directory: string;
  /** A new segment is begun above this length. Default 64 MiB. */
  readonly maxSegmentBytes?: number;
  /** A new segment is begun when one is older, in ms. Default a day. */
  readonly maxSegmentMs?: number;
  /** How long ended segments are kept. Default: for good. */
  readonly retention?: Retention;
  /** Asked before retention removes a segment, by its number; false keeps it and all later ones. Default: yes. */
  readonly mayRemove?: (segment: number) => boolean;
  /** Compress ended segments (`audit-000001.jsonl.gz`). Default false. */
  readonly gzip?: boolean;
  /** Signs checkpoints: the private key of `generateAuditKeys`. Default: they are not signed. */
  readonly key?: string;
  /** The latest that lines are sealed by a checkpoint after they were written, in ms. Default 60,000. */
  readonly checkpointMs?: number;
  /**
   * Gets a record `audit_checkpoint` with the note of every checkpoint. Kept where who can write the directory cannot,
   * it finds a trail that lost its end: see `published` of `verifyDirectory`.
   */
  readonly publishTo?: Pick<AuditSink, "append">;
  /** Whether `durable` waits for the disk (fdatasync). Default true; false trusts the system not to crash. */
  readonly fsync?: boolean;
  /** How long a buffered record may wait for company, in ms. Default 100. */
  readonly bufferMs?: number;
  /** When to try again after a failure, in ms. Default 1,000. */
  readonly retryMs?: number;
  /** Above this many characters in memory, buffered records wait for the disk too. Default 4 Mi. */
  readonly maxBufferedChars?: number;
  /** For tests and special environments. */
  readonly ports?: Partial<Pick<Ports, "clock" | "hash" | "timers" | "logger">>;
  readonly files?: AuditFileSystem;
  readonly processes?: Processes;
}

/** An audit trail in files. */
export interface JsonlSink extends AuditSink {
  append(record: AuditRecord, mode: "durable" | "buffered"): Promise<void> | undefined;
  /** Settles when everything taken so far is on the disk. */
  flush(): Promise<void>;
  /** Settles when everything taken so far is on the disk and sealed by a checkpoint. */
  checkpoint(): Promise<void>;
  /** Seals, and gives the directory back; also when that fails, which rejects. */
  close(): Promise<void>;
  /** The place after the last record taken; kept elsewhere, it finds a trail that was cut at its end. */
  readonly end: WriterEnd;
  /** The place after the last record that is in the file and will not be taken back. */
  readonly written: WriterEnd;
}

const DEFAULTS = {
  maxSegmentBytes: 64 * 1024 * 1024,
  maxSegmentMs: 86_400_000,
  checkpointMs: 60_000,
  bufferMs: 100,
  retryMs: 1_000,
  maxBufferedChars: 4 * 1024 * 1024,
};

/**
 * Writes the audit trail to segment files `audit-000001.jsonl`, …, one hash chain over all of them and over restarts,
 * sealed by a checkpoint beside each (`audit-000001.checkpoint`). A line that a crash tore is set aside and reported by
 * a record of its own. While the disk takes nothing, `durable` records are refused and counted, `buffered` ones are
 * kept; a record of the gap follows when there is room again. A second process in the same directory writes segments of
 * its own, `audit.2-000001.jsonl`, …
 * @param options Only the directory is required.
 * @returns The sink. Call `close()` (or the plane's) before `process.exit`: buffered records wait up to `bufferMs`.
 * @throws AgentplaneError `audit_failed` when the directory cannot be used, `audit_corrupt` when the segment to go on in
 *   is not what was written; ConfigError for numbers below 1 and for a wrong key
 * @example const plane = createAgentPlane({ audit: jsonlSink({ directory: "./audit" }) });
 */
export function jsonlSink(options: JsonlSinkOptions): JsonlSink {
  checkNumbers(options);
  const { directory } = options;
  const { chain, writer, commit, adopting, release, number } = open(options);
  let closing: Promise<void> | undefined;
  // A process that ends by itself first writes what still waits for company; a failure is in the log.
  const onExit = (): void => void commit.flush().catch(() => undefined);
  process.once("beforeExit", onExit);
  const close = async (): Promise<void> => {
    process.removeListener("beforeExit", onExit);
    // What it repairs is recorded here, and must be in the last checkpoint; it never rejects.
    await adopting;
    try {
      await commit.checkpoint();
      // That may have ended a segment: what is removed thereupon is recorded, too.
      await writer.upkeepDone();
      await commit.checkpoint();
    } finally {
      commit.stop();
      await writer.close().finally(release);
    }
  };
  return {
    append(record, mode) {
      if (closing === undefined) return commit.append(record, mode);
      throw new AgentplaneError("audit_failed", `the audit trail in ${directory} is closed`, {
        data: { directory },
      });
    },
    flush: () => closing ?? commit.flush(),
    checkpoint: () => closing ?? commit.checkpoint(),
    close: () => (closing ??= close()),
    get end() {
      return { writer: number, ...chain.position };
    },
    get written() {
      return { writer: number, ...commit.committed };
    },
  };
}

interface Opened {
  readonly chain: ReturnType<typeof createChain>;
  readonly writer: SegmentWriter;
  readonly commit: GroupCommit;
  /** Settles when what others have left is ended. */
  readonly adopting: Promise<void>;
  readonly release: () => void;
  /** Of the writer. */
  readonly number: number;
}

function open(options: JsonlSinkOptions): Opened {
  const { directory, files = nodeFileSystem, key } = options;
  const signer = key === undefined ? undefined : createNoteSigner(key);
  let release: (() => void) | undefined;
  try {
    files.makeDirectory(directory);
    const lock = lockWriter(directory, files, options.processes);
    ({ release } = lock);
    return { ...start(options, files, signer, lock.writer), release, number: lock.writer };
  } catch (error) {
    release?.();
    if (error instanceof AgentplaneError) throw error;
    const why = error instanceof Error ? error.message : "unknown";
    const message = `audit directory ${directory} cannot be used: ${why}; give a directory this process may write`;
    throw new AgentplaneError("audit_failed", message, { data: { directory }, cause: error });
  }
}

function start(
  options: JsonlSinkOptions,
  files: AuditFileSystem,
  signer: NoteSigner | undefined,
  number: number,
): Omit<Opened, "release" | "number"> {
  const settings = { ...DEFAULTS, fsync: true, gzip: false, retention: {}, ...options, files, signer };
  const { directory, publishTo } = settings;
  const ports = createPorts(options.ports);
  const { clock, hash } = ports;
  const end = findTrailEnd(number, directory, files, hash);
  const repaired = end.torn && repairTornTail(end.torn, { directory, files, hash, nowMs: clock.wallMs() });
  const act = (action: string, place: SegmentPlace, data: JsonObject): ControlRecord => {
    return { kind: "control", at: clock.wallMs(), action, by: "audit", subject: segmentName(place), data };
  };
  const sealing = {
    ...settings,
    clock,
    sealed: (note: string, place: SegmentPlace) =>
      publishCheckpoint(act("audit_checkpoint", place, { note }), publishTo, ports.logger),
  };
  const seal = new SegmentSeal(sealing, { ...end, writer: number });
  const upkeep = new TrailUpkeep({
    ...settings,
    ...ports,
    mayRemove: options.mayRemove ?? (() => true),
    removed: (place, lines) => void commit.append(act("audit_pruned", place, { lines }), "buffered"),
  });
  const writer = new SegmentWriter({ ...settings, clock, seal, upkeep, writer: number, number: end.number });
  const position = { seq: end.start.seq + end.hashes.length, prev: end.hashes.at(-1) ?? end.start.prev };
  const chain = createChain(hash, position);
  const commit = new GroupCommit({ ...settings, ...ports, chain, writer });
  if (repaired !== undefined) void commit.append(repaired, "buffered");
  const adopting = adoptWriters({
    ...sealing,
    ...ports,
    writer: number,
    processes: options.processes,
    repaired: (record) => void commit.append(record, "buffered"),
  });
  return { chain, writer, commit, adopting };
}

function checkNumbers(options: JsonlSinkOptions): void {
  const { maxMs, maxBytes } = options.retention ?? {};
  const { maxSegmentBytes, maxSegmentMs, checkpointMs, bufferMs, retryMs, maxBufferedChars } = options;
  const numbers = { maxSegmentBytes, maxSegmentMs, checkpointMs, bufferMs, retryMs, maxBufferedChars };
  const all = { ...numbers, "retention.maxMs": maxMs, "retention.maxBytes": maxBytes };
  const wrong = Object.entries(all).filter(([, value]) => {
    return value !== undefined && (!Number.isSafeInteger(value) || value < 1);
  });
  const issues = wrong.map(([path, value]) => ({
    path,
    message: `must be a whole number from 1, not ${value}`,
  }));
  if (issues.length > 0) throw new ConfigError("jsonlSink", issues);
}
