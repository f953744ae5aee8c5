import type { AuditRecord, ControlRecord } from "../audit/audit-record.ts";
import type { AuditSink } from "../audit/audit-sink.ts";
import { createChain, type ChainPosition } from "../audit/chain.ts";
import { AgentplaneError, ConfigError } from "../base/errors.ts";
import type { Ports } from "../base/ports.ts";
import { createPorts } from "../base/runtime.ts";
import { nodeFileSystem, type AuditFileSystem } from "./audit-file-system.ts";
import { lockDirectory, type Processes } from "./directory-lock.ts";
import { GroupCommit } from "./group-commit.ts";
import { findTrailEnd } from "./segment-files.ts";
import { SegmentWriter } from "./segment-writer.ts";
import { repairTornTail } from "./torn-tail.ts";

/** Where and how the audit trail is written. */
export interface JsonlSinkOptions {
  /** Created if need be. One process writes a directory; give each its own. */
  readonly directory: string;
  /** A new segment is begun above this length. Default 64 MiB. */
  readonly maxSegmentBytes?: number;
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
  /** Flushes and gives the directory back; also when the flush fails, which rejects. */
  close(): Promise<void>;
  /** The place after the last record taken; kept elsewhere, it finds a trail that was cut at its end. */
  readonly end: ChainPosition;
}

const DEFAULTS = {
  maxSegmentBytes: 64 * 1024 * 1024,
  bufferMs: 100,
  retryMs: 1_000,
  maxBufferedChars: 4 * 1024 * 1024,
};

/**
 * Writes the audit trail to segment files `audit-000001.jsonl`, …, one hash chain over all of them and over restarts.
 * A line that a crash tore is set aside and reported by a record of its own. While the disk takes nothing, `durable`
 * records are refused and counted, `buffered` ones are kept; a record of the gap follows when there is room again.
 * @param options Only the directory is required.
 * @returns The sink. Call `close()` (or the plane's) before `process.exit`: buffered records wait up to `bufferMs`.
 * @throws AgentplaneError `audit_failed` when the directory cannot be used or another process writes it,
 *   `audit_corrupt` when its last line is not a line of a trail; ConfigError for numbers below 1
 * @example const plane = createAgentPlane({ audit: jsonlSink({ directory: "./audit" }) });
 */
export function jsonlSink(options: JsonlSinkOptions): JsonlSink {
  checkNumbers(options);
  const { directory, files = nodeFileSystem } = options;
  const ports = createPorts(options.ports);
  const { chain, writer, repaired, release } = open(options, files, ports);
  const commit = new GroupCommit({
    ...DEFAULTS,
    fsync: true,
    ...options,
    ...ports,
    directory,
    chain,
    writer,
  });
  if (repaired !== undefined) void commit.append(repaired, "buffered");
  let closing: Promise<void> | undefined;
  // A process that ends by itself first writes what still waits for company; a failure is in the log.
  const onExit = (): void => void commit.flush().catch(() => undefined);
  process.once("beforeExit", onExit);
  const close = async (): Promise<void> => {
    process.removeListener("beforeExit", onExit);
    try {
      await commit.flush();
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
    close: () => (closing ??= close()),
    get end() {
      return chain.position;
    },
  };
}

interface Opened {
  readonly chain: ReturnType<typeof createChain>;
  readonly writer: SegmentWriter;
  readonly repaired: ControlRecord | undefined;
  readonly release: () => void;
}

function open(options: JsonlSinkOptions, files: AuditFileSystem, { hash, clock }: Ports): Opened {
  const { directory, maxSegmentBytes = DEFAULTS.maxSegmentBytes } = options;
  let release: (() => void) | undefined;
  try {
    files.makeDirectory(directory);
    release = lockDirectory(directory, files, options.processes);
    const { position, segment, torn } = findTrailEnd(directory, files, hash);
    const repaired = torn && repairTornTail(torn, { directory, files, hash, nowMs: clock.wallMs() });
    const writer = new SegmentWriter({ directory, files, segment, maxSegmentBytes });
    return { chain: createChain(hash, position), writer, repaired, release };
  } catch (error) {
    release?.();
    if (error instanceof AgentplaneError) throw error;
    const why = error instanceof Error ? error.message : "unknown";
    const message = `audit directory ${directory} cannot be used: ${why}; give a directory this process may write`;
    throw new AgentplaneError("audit_failed", message, { data: { directory }, cause: error });
  }
}

function checkNumbers(options: JsonlSinkOptions): void {
  const names = ["maxSegmentBytes", "bufferMs", "retryMs", "maxBufferedChars"] as const;
  const wrong = names.filter((name) => {
    const value = options[name];
    return value !== undefined && (!Number.isSafeInteger(value) || value < 1);
  });
  const issues = wrong.map((path) => ({
    path,
    message: `must be a whole number from 1, not ${options[path]}`,
  }));
  if (issues.length > 0) throw new ConfigError("jsonlSink", issues);
}
