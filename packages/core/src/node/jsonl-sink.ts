import type { AuditRecord, ControlRecord } from "../audit/audit-record.ts";
import type { AuditSink } from "../audit/audit-sink.ts";
import { createChain } from "../audit/chain.ts";
import { AgentplaneError } from "../base/errors.ts";
import type { Logger } from "../base/ports.ts";
import { createPorts } from "../base/runtime.ts";
import { Adoption } from "./adopt-writers.ts";
import { nodeFileSystem, type AuditFileSystem } from "./audit-file-system.ts";
import { createCheckpointTrust, TrustedCheckpoints, type CheckpointTrust } from "./checkpoint-trust.ts";
import { lockWriter, type WriterLock } from "./directory-lock.ts";
import { GroupCommit } from "./group-commit.ts";
import { checkJsonlOptions, JSONL_DEFAULTS, type JsonlSinkOptions } from "./jsonl-sink-options.ts";
import { publishCheckpoint } from "./publish-checkpoint.ts";
import { removeLeftovers } from "./remove-leftovers.ts";
import type { SegmentPlace } from "./segment-files.ts";
import { SegmentSeal } from "./segment-seal.ts";
import { SegmentWriter } from "./segment-writer.ts";
import { repairTornTail, type Repair } from "./torn-tail.ts";
import { detachNewest, findTrailEnd } from "./trail-end.ts";
import { trailIdOf } from "./trail-id.ts";
import { resumedRecord, trailRecord } from "./trail-records.ts";
import { TrailUpkeep } from "./trail-upkeep.ts";
import type { WriterEnd } from "./verify-directory.ts";

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
  /** The id of the trail, for `verifyDirectory`: 32 hex digits, the same for all writers of the directory. */
  readonly trail: string;
}

/**
 * Writes the audit trail to segment files `audit-000001.jsonl`, …, one hash chain over all of them and over restarts,
 * sealed by a checkpoint beside each (`audit-000001.checkpoint`). A line that a crash tore is set aside and reported by
 * a record of its own. While the disk takes nothing, `durable` records are refused and counted, `buffered` ones are
 * kept; a record of the gap follows when there is room again. A second process in the same directory writes segments of
 * its own, `audit.2-000001.jsonl`, …
 * @param options Only the directory is required.
 * @returns The sink. Call `close()` (or the plane's) before `process.exit`: buffered records wait up to `bufferMs`.
 * @throws AgentplaneError `audit_failed` when the directory cannot be used, `audit_corrupt` when the segment to go on in
 *   is not what was written, or was sealed by somebody whose key is not trusted; ConfigError for numbers below 1 and for
 *   a wrong key
 * @example const plane = createAgentPlane({ audit: jsonlSink({ directory: "./audit" }) });
 */
export function jsonlSink(options: JsonlSinkOptions): JsonlSink {
  checkJsonlOptions(options);
  const { directory } = options;
  const { chain, writer, commit, adoption, lock, trail, repaired } = open(options);
  let closing: Promise<void> | undefined;
  // A process that ends by itself first writes what still waits for company; a failure is in the log.
  const onExit = (): void => void commit.flush().catch(() => undefined);
  process.once("beforeExit", onExit);
  const close = async (): Promise<void> => {
    process.removeListener("beforeExit", onExit);
    // What it repairs is recorded here, and must be in the last checkpoint; neither rejects.
    await adoption.end();
    await repaired;
    try {
      await commit.checkpoint();
      // That may have ended a segment: what is removed thereupon is recorded, too.
      await writer.endUpkeep();
      await commit.checkpoint();
    } finally {
      commit.stop();
      await writer.close().finally(() => lock.release());
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
    trail,
    get end() {
      return { writer: lock.writer, ...chain.position };
    },
    get written() {
      return { writer: lock.writer, ...commit.committed };
    },
  };
}

interface Opened {
  readonly chain: ReturnType<typeof createChain>;
  readonly writer: SegmentWriter;
  readonly commit: GroupCommit;
  readonly adoption: Adoption;
  readonly lock: WriterLock;
  readonly trail: string;
  /** Settles when it is clear whether what was repaired at the start is on the disk; never rejects. */
  readonly repaired: Promise<void> | undefined;
}

function open(options: JsonlSinkOptions): Opened {
  const { directory, files = nodeFileSystem } = options;
  const trust = createCheckpointTrust(options);
  let lock: WriterLock | undefined;
  try {
    files.makeDirectory(directory);
    lock = lockWriter({ ...createPorts(options.ports), directory, files, processes: options.processes });
    return { ...start(options, files, trust, lock), lock };
  } catch (error) {
    lock?.release();
    if (error instanceof AgentplaneError) throw error;
    const why = error instanceof Error ? error.message : "unknown";
    const message = `audit directory ${directory} cannot be used: ${why}; give a directory this process may write`;
    throw new AgentplaneError("audit_failed", message, { data: { directory }, cause: error });
  }
}

function start(
  options: JsonlSinkOptions,
  files: AuditFileSystem,
  trust: CheckpointTrust,
  { writer: number, confirm, isOfUnseen }: WriterLock,
): Omit<Opened, "lock"> {
  const settings = { ...JSONL_DEFAULTS, ...options, files };
  const { directory, publishTo } = settings;
  const ports = createPorts(options.ports);
  const { clock, hash, logger } = ports;
  warnOfUnsigned(trust, directory, logger);
  const checkpoints = new TrustedCheckpoints({ directory, files, trust });
  const trail = trailIdOf(number, directory, { files, checkpoints });
  checkpoints.trail = trail;
  if (isOfUnseen) detachNewest(number, { directory, files });
  removeLeftovers(number, directory, files);
  const found = findTrailEnd(number, { directory, files, hash, checkpoints });
  const repairs = repairTornTail(number, found.torn, { directory, files, hash, nowMs: clock.wallMs() });
  const sealing = {
    ...settings,
    ...ports,
    signer: trust.signer,
    checkpoints,
    trail,
    sealed(note: string, place: SegmentPlace) {
      const record = trailRecord("audit_checkpoint", place, { at: clock.wallMs(), data: { note } });
      publishCheckpoint(record, publishTo, logger);
    },
  };
  const seal = new SegmentSeal(sealing, { ...found, writer: number });
  const upkeep = new TrailUpkeep({
    ...sealing,
    seal,
    mayRemove: options.mayRemove ?? (() => true),
    announce: async () => commit.checkpoint(),
    removed(place, lines) {
      const record = trailRecord("audit_pruned", place, { at: clock.wallMs(), data: { lines } });
      void commit.append(record, "buffered");
    },
  });
  const place = { writer: number, number: found.number };
  const end = { seq: found.start.seq + found.hashes.length, prev: found.hashes.at(-1) ?? found.start.prev };
  const hasTakenOver = found.unsealed > 0;
  const writer = new SegmentWriter({ ...sealing, ...place, seal, upkeep, end, hasTakenOver, confirm });
  const chain = createChain(hash, end);
  const commit = new GroupCommit({ ...settings, ...ports, chain, writer });
  for (const { record } of repairs) void commit.append(record, "buffered");
  if (hasTakenOver) void commit.append(resumedRecord(place, found, clock.wallMs()), "buffered");
  const record = async (one: ControlRecord): Promise<void> => commit.append(one, "durable");
  const adoption = new Adoption({ ...sealing, writer: number, processes: options.processes, record });
  return { chain, writer, commit, adoption, trail, repaired: whenTold(repairs, commit, logger) };
}

/** What cannot be told now is told by the next start. */
async function whenTold(repairs: readonly Repair[], commit: GroupCommit, logger: Logger): Promise<void> {
  if (repairs.length === 0) return;
  try {
    await commit.flush();
    for (const { told } of repairs) told();
  } catch (error) {
    logger.error("what a crash tore off the audit trail will be reported again", { error });
  }
}

function warnOfUnsigned({ signer, hasUnsigned }: CheckpointTrust, directory: string, logger: Logger): void {
  if (signer === undefined || !hasUnsigned) return;
  const message = `checkpoints in ${directory} that nobody has signed count; take "unsigned" out of trustedKeys before the next start`;
  logger.warn(message, { directory });
}
