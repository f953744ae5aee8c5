import type { StateStore } from "@agentplane/core";
import { GroupedWrites } from "@agentplane/core/store";
import { Pool, type PoolConfig } from "pg";

import { checkOptions } from "./check-options.ts";
import { Database } from "./database.ts";
import { ChangeFeed } from "./documents/change-feed.ts";
import { ChangeListener } from "./documents/change-listener.ts";
import { FOLLOWED } from "./documents/followed.ts";
import { PostgresDocuments } from "./documents/postgres-documents.ts";
import { channelOf } from "./install-schema.ts";
import { LedgerQueue } from "./ledger/ledger-queue.ts";
import type { Operation } from "./ledger/operation.ts";
import { PostgresLedger } from "./ledger/postgres-ledger.ts";
import { ServerClock } from "./ledger/server-clock.ts";
import { ownPorts, type OwnPorts } from "./own-ports.ts";
import { admitOnServer } from "./postgres-admit.ts";
import { createGroupSender } from "./send-group.ts";
import { Tidy } from "./tidy.ts";

/** How a database is reached: by a pool of yours, or by a text from which a pool is made. */
export type ConnectionOptions =
  | { readonly pool: Pool; readonly connectionString?: undefined }
  | { readonly connectionString: string; readonly pool?: undefined };

/** Where state is kept and how it is reached. */
export type PostgresStateOptions = ConnectionOptions & {
  /** Made on first use. Several planes share one; others than ours leave it alone. Default `agentplane`. */
  readonly schema?: string;
  /** Longer than this no statement is waited for, in ms. Default 5,000. */
  readonly timeoutMs?: number;
  /**
   * How many statements that admit calls, and how many that end them, may be under way at once; beyond it calls go
   * together. Default 2.
   */
  readonly ledgerLanes?: number;
  /** How often changes are looked for beside notifications, in ms. Default 1,000. */
  readonly pollMs?: number;
  /** False behind a pooler that cannot listen, such as PgBouncer by transaction. Default true. */
  readonly listen?: boolean;
  /** How often what has no effect any more is forgotten, in ms. Default 60,000. */
  readonly tidyMs?: number;
  readonly ports?: Partial<OwnPorts>;
};

const NUMBERS = ["timeoutMs", "ledgerLanes", "pollMs", "tidyMs"];
const NAMES = ["pool", "connectionString", "schema", "listen", "ports", ...NUMBERS];

/**
 * Everything that must be remembered, in PostgreSQL 13 or newer: shared by all processes that use the same schema.
 * Nothing connects before the first use; the schema is then made or brought up to date.
 * @param options A pool (which stays yours and open) or a connection string.
 * @throws ConfigError for options that are unknown or cannot be
 * @example const plane = createAgentPlane({ state: postgresState({ connectionString: process.env.DATABASE_URL }) });
 */
export function postgresState(options: PostgresStateOptions): StateStore {
  checkOptions("postgresState", options, { names: NAMES, numbers: NUMBERS });
  const {
    schema = "agentplane",
    timeoutMs = 5_000,
    ledgerLanes = 2,
    pollMs = 1_000,
    tidyMs = 60_000,
  } = options;
  const ports = ownPorts(options.ports);
  const { pool, ownsPool } = poolOf(options, timeoutMs);
  const database = new Database({ pool, ownsPool, schema, timeoutMs, ports });
  const clock = new ServerClock(elapsedMs);
  const heard = (clockMs: number): void => clock.heard(clockMs);
  const lost = (reservation: Operation): void => ledger.lost(reservation);
  const queue = new LedgerQueue({ database, lanes: ledgerLanes, timeoutMs, nowMs: elapsedMs, heard, lost });
  const ledger: PostgresLedger = new PostgresLedger({ queue, clock, timeoutMs, ports });
  const listener = new ChangeListener({
    config: pool.options,
    channel: channelOf(schema),
    ports,
    woken: () => feed.look(),
  });
  const started = (): void => (options.listen === false ? undefined : listener.start());
  const feed: ChangeFeed = new ChangeFeed({ database, ports, pollMs, heard, started });
  const tidy = new Tidy(database, tidyMs, ports);
  const sender = createGroupSender({ database, ledger, heard });
  const writes = new GroupedWrites({
    sender,
    lanes: ledgerLanes,
    timeoutMs,
    nowMs: elapsedMs,
  });
  const documents = (collection: string): PostgresDocuments => {
    const isFollowed = (FOLLOWED as readonly string[]).includes(collection);
    return new PostgresDocuments({
      database,
      collection,
      writes,
      feed: isFollowed ? feed : undefined,
      pollMs,
      ports,
    });
  };
  const collections = {
    controls: documents("controls"),
    ladders: documents("ladders"),
    approvals: documents("approvals"),
    sessions: documents("sessions"),
    admissions: documents("admissions"),
    versions: documents("versions"),
  };
  return {
    ledger,
    ...collections,
    admit: (admission) => admitOnServer({ writes, ...collections }, admission),
    nowMs: () => clock.toldMs(),
    async close() {
      for (const part of [ledger, feed, listener, tidy, ...Object.values(collections)]) part.close();
      await database.close();
    },
  };
}

/** Monotonic time in ms. */
function elapsedMs(): number {
  return performance.now();
}

/** The pool that was given, or one of our own. */
export function poolOf(
  { pool, connectionString }: ConnectionOptions,
  timeoutMs: number,
): { readonly pool: Pool; readonly ownsPool: boolean } {
  if (pool !== undefined) return { pool, ownsPool: false };
  const config: PoolConfig = {
    connectionString,
    application_name: "agentplane",
    connectionTimeoutMillis: timeoutMs,
    // The server gives up too: a statement nobody waits for must not hold locks.
    statement_timeout: timeoutMs,
    keepAlive: true,
    // A process may end while nothing is under way.
    allowExitOnIdle: true,
  };
  return { pool: new Pool(config), ownsPool: true };
}
