import { AgentplaneError } from "@agentplane/core";
import type { Pool, PoolClient } from "pg";

import { installSchema } from "./install-schema.ts";
import type { OwnPorts } from "./own-ports.ts";
import { explainFailure, explainRefusal, ServerFailure, TIMED_OUT } from "./server-failure.ts";

/** What a database is reached by. */
export interface DatabaseDeps {
  readonly pool: Pool;
  /** Whether the pool ends with it. */
  readonly ownsPool: boolean;
  readonly schema: string;
  /** Longer than this no statement is waited for, from the wait for a connection on. */
  readonly timeoutMs: number;
  readonly ports: OwnPorts;
}

/** Installing takes longer than a call, and happens once. */
const INSTALL_MS = 30_000;

/** A row, by the names of its columns. */
export type Row = Readonly<Record<string, unknown>>;

/**
 * Statements with a deadline: a connection that does not answer is thrown away, so a paused or vanished server never
 * keeps the pool for itself. The schema is installed before the first one; failing, it is tried again with the next.
 */
export class Database {
  readonly schema: string;
  readonly #deps: DatabaseDeps;
  readonly #onPoolError: (error: Error) => void;
  #installing: Promise<void> | undefined;
  #isInstalled = false;
  #isClosed = false;

  constructor(deps: DatabaseDeps) {
    this.#deps = deps;
    this.schema = deps.schema;
    // An idle connection that breaks is an event; unheard, it would end the process.
    this.#onPoolError = (error) =>
      deps.ports.logger.warn("a connection to PostgreSQL was lost; another is made when needed", {
        error: error.message,
      });
    deps.pool.on("error", this.#onPoolError);
  }

  /**
   * Runs one statement, in a transaction of its own.
   * @param withinMs How long it may take. Default: the deadline of all.
   * @throws ServerFailure (`state_failed`)
   */
  async query(
    text: string,
    values: readonly unknown[],
    withinMs = this.#deps.timeoutMs,
  ): Promise<readonly Row[]> {
    const untilMs = performance.now() + withinMs;
    if (!this.#isInstalled)
      await this.#beforeDeadline(this.#install(), { ms: withinMs, late: installingStill });
    if (this.#isClosed) throw new ServerFailure("the state is closed", { kind: "refused" });
    return this.#within(
      (client) => client.query<Row>(text, [...values]).then(({ rows }) => rows),
      untilMs - performance.now(),
    );
  }

  /** Calls a function of the schema that answers with one value. */
  async call(name: string, values: readonly unknown[], withinMs?: number): Promise<unknown> {
    const places = values.map((_, index) => `$${index + 1}`).join(", ");
    const [row] = await this.query(
      `SELECT "${this.schema}"."${name}"(${places}) AS answer`,
      values,
      withinMs,
    );
    return row?.["answer"];
  }

  async close(): Promise<void> {
    if (this.#isClosed) return;
    this.#isClosed = true;
    const { pool, ownsPool } = this.#deps;
    if (ownsPool) await pool.end();
    pool.removeListener("error", this.#onPoolError);
  }

  /** Goes on when those who wait for it have given up: cut off each time, it would never be done. */
  #install(): Promise<void> {
    if (this.#isClosed) return Promise.reject(new ServerFailure("the state is closed", { kind: "refused" }));
    this.#installing ??= this.#installOnce();
    return this.#installing;
  }

  async #installOnce(): Promise<void> {
    const install = (client: PoolClient): Promise<void> => installSchema(client, this.schema);
    try {
      await this.#within(install, Math.max(INSTALL_MS, this.#deps.timeoutMs));
      this.#isInstalled = true;
    } finally {
      this.#installing = undefined;
    }
  }

  async #within<T>(work: (client: PoolClient) => Promise<T>, timeoutMs: number): Promise<T> {
    const untilMs = performance.now() + timeoutMs;
    const client = await this.#checkOut(timeoutMs);
    const late = (): ServerFailure =>
      new ServerFailure(`PostgreSQL did not answer within ${Math.ceil(timeoutMs)} ms`, {
        kind: "unknown",
        reason: TIMED_OUT,
      });
    try {
      const done = await this.#beforeDeadline(work(client), { ms: untilMs - performance.now(), late });
      giveBack(client);
      return done;
    } catch (error) {
      const failure = error instanceof AgentplaneError ? error : explainFailure(error);
      // What was refused otherwise left the connection in order.
      const isBroken = failure instanceof ServerFailure && failure.isOfConnection;
      giveBack(client, isBroken ? failure : undefined);
      throw failure;
    }
  }

  async #checkOut(timeoutMs: number): Promise<PoolClient> {
    const coming = connected(this.#deps.pool);
    const late = (): ServerFailure =>
      new ServerFailure(`no connection to PostgreSQL within ${Math.ceil(timeoutMs)} ms`, {
        kind: "refused",
        reason: TIMED_OUT,
      });
    let isLate = false;
    coming.then((client) => isLate && giveBack(client)).catch(() => undefined);
    try {
      return await this.#beforeDeadline(coming, { ms: timeoutMs, late });
    } catch (error) {
      isLate = true;
      throw explainRefusal(error);
    }
  }

  async #beforeDeadline<T>(
    work: Promise<T>,
    { ms, late }: { ms: number; late: () => ServerFailure },
  ): Promise<T> {
    let stop: (() => void) | undefined;
    const deadline = new Promise<never>((_, reject) => {
      stop = this.#deps.ports.timers.set(() => reject(late()), Math.max(0, ms));
    });
    try {
      return await Promise.race([work, deadline]);
    } finally {
      stop?.();
    }
  }
}

/**
 * A connection of the pool. One that breaks says so twice, by the statement and as an event; unheard, that would end the
 * process, also in the moment before a promise tells that it is there: hence by a callback.
 */
function connected(pool: Pool): Promise<PoolClient> {
  return new Promise((resolve, reject) => {
    pool.connect((error, client) => {
      if (client === undefined) return reject(error ?? new Error("the pool gave no connection"));
      client.on("error", heardAlready);
      resolve(client);
    });
  });
}

function heardAlready(): void {}

function installingStill(): ServerFailure {
  return new ServerFailure("the schema is not installed yet", { kind: "refused", reason: TIMED_OUT });
}

/** @param broken Why it is thrown away instead. */
function giveBack(client: PoolClient, broken?: Error): void {
  // One that is thrown away may still break while it ends.
  if (broken === undefined) client.removeListener("error", heardAlready);
  client.release(broken);
}
