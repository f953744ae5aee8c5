import { randomUUID } from "node:crypto";

import { AgentplaneError, type AuditRecord, type AuditSink } from "@agentplane/core";

import { checkOptions } from "../check-options.ts";
import { Database } from "../database.ts";
import { ownPorts, type OwnPorts } from "../own-ports.ts";
import { poolOf, type ConnectionOptions } from "../postgres-state.ts";
import { AuditCommit } from "./audit-commit.ts";
import { createAuditChain } from "./audit-line.ts";
import { AuditTable } from "./audit-table.ts";

/** Where and how the audit trail is written. */
export type PostgresAuditOptions = ConnectionOptions & {
  /** Made on first use; may be the one of the state. Default `agentplane`. */
  readonly schema?: string;
  /** Longer than this no statement is waited for, in ms. Default 5,000. */
  readonly timeoutMs?: number;
  /** How long a buffered record may wait for company, in ms. Default 100. */
  readonly bufferMs?: number;
  /** When to try again after a failure, in ms. Default 1,000. */
  readonly retryMs?: number;
  /** How many characters of records may be in memory. Default 4 Mi. */
  readonly maxBufferedChars?: number;
  /** Months that ended longer ago than so many days are dropped. Default: none is. */
  readonly keepDays?: number;
  readonly ports?: Partial<OwnPorts>;
};

/** An audit trail in a database. */
export interface PostgresAudit extends AuditSink {
  append(record: AuditRecord, mode: "durable" | "buffered"): Promise<void> | undefined;
  /** Settles when everything taken so far is committed. */
  flush(): Promise<void>;
  /** Flushes and ends; also when the flush fails, which rejects. */
  close(): Promise<void>;
  /** The chain that this sink writes, as the column `writer` names it. */
  readonly writer: string;
  /** The place after the last record taken; kept elsewhere, it finds a trail that was cut at its end. */
  readonly end: { readonly seq: number; readonly prev: string };
}

const NUMBERS = ["timeoutMs", "bufferMs", "retryMs", "maxBufferedChars", "keepDays"];
const NAMES = ["pool", "connectionString", "schema", "ports", ...NUMBERS];
const TEND_MS = 6 * 3_600_000;

/**
 * Writes the audit trail to PostgreSQL, a hash chain per sink and a partition per month. `durable` waits for the commit,
 * shared by all that came meanwhile. While nothing can be written `durable` is refused and everything is kept, up to
 * `maxBufferedChars`; a record of what was refused, late or lost follows.
 * @param options A pool (which stays yours and open) or a connection string.
 * @throws ConfigError for options that are unknown or cannot be
 * @example const plane = createAgentPlane({ audit: postgresAudit({ pool, keepDays: 400 }) });
 */
export function postgresAudit(options: PostgresAuditOptions): PostgresAudit {
  checkOptions("postgresAudit", options, { names: NAMES, numbers: NUMBERS });
  const { schema = "agentplane", timeoutMs = 5_000, bufferMs = 100, retryMs = 1_000, keepDays } = options;
  const ports = ownPorts(options.ports);
  const database = new Database({ ...poolOf(options, timeoutMs), schema, timeoutMs, ports });
  const writer = randomUUID();
  const chain = createAuditChain();
  const table = new AuditTable(database);
  const commit = new AuditCommit({
    chain,
    write: (lines) => table.write(writer, lines),
    bufferMs,
    retryMs,
    maxBufferedChars: options.maxBufferedChars ?? 4 * 1024 * 1024,
    ports,
  });
  const stopTending = tendAtIntervals(table, keepDays, ports);
  const writeOut = async (): Promise<void> => {
    await commit.flush();
    // What came late is told behind what was written first.
    await commit.flush();
  };
  // A process that ends by itself first writes what still waits for company; a failure is in the log.
  const onExit = (): void => void writeOut().catch(() => undefined);
  process.once("beforeExit", onExit);
  const close = async (): Promise<void> => {
    process.removeListener("beforeExit", onExit);
    stopTending();
    try {
      await writeOut();
    } finally {
      const unwritten = commit.stop();
      if (unwritten > 0) ports.logger.error("audit records stay unwritten", { records: unwritten });
      await database.close();
    }
  };
  let closing: Promise<void> | undefined;
  return {
    append(record, mode) {
      if (closing === undefined) return commit.append(record, mode);
      throw new AgentplaneError("audit_failed", "the audit trail in PostgreSQL is closed");
    },
    flush: () => closing ?? commit.flush(),
    close: () => (closing ??= close()),
    writer,
    get end() {
      return chain.end;
    },
  };
}

/** Partitions are made ahead and dropped in time; what fails is tried again and, if need be, made by the first row. */
function tendAtIntervals(
  table: AuditTable,
  keepDays: number | undefined,
  { timers, logger }: OwnPorts,
): () => void {
  let stopTimer: (() => void) | undefined;
  const tend = async (): Promise<void> => {
    try {
      const dropped = await table.tend(keepDays);
      if (dropped.length > 0) logger.info("audit months were dropped", { dropped, keepDays });
    } catch (error) {
      logger.warn("audit months could not be tended; trying again later", {
        error: error instanceof Error ? error.message : "not an error",
      });
    }
  };
  const schedule = (delayMs: number): void => {
    stopTimer = timers.set(() => {
      schedule(TEND_MS);
      void tend();
    }, delayMs);
  };
  schedule(1_000);
  return () => stopTimer?.();
}
