import type { DatabaseSync, SQLInputValue, StatementSync } from "node:sqlite";
import { setTimeout as pause } from "node:timers/promises";

import { AgentplaneError } from "../base/errors.ts";
import { installSchema } from "./sqlite-schema.ts";
import { isBusyFailure, sqliteFailure } from "./sqlite-failure.ts";
import { SqliteFiles } from "./sqlite-files.ts";

/** How a state file is opened. */
export interface SqliteDatabaseOptions {
  readonly path: string;
  /** How long to wait for another process that writes. */
  readonly busyMs: number;
  /** `full` also survives a loss of power with every last write. */
  readonly synchronous: "normal" | "full";
}

/** A row of an answer, by column. */
export type SqliteRow = Readonly<Record<string, unknown>>;

const WAL_RETRY_MS = 5;
/** The pauses between two looks whether others have written, in ms; as SQLite itself makes them while it waits. */
const PAUSES_MS = [1, 2, 5, 10, 15, 20, 25] as const;

/** An open state file: prepared statements, and transactions that are synchronous and so whole. */
export class SqliteDatabase {
  readonly path: string;
  readonly #busyMs: number;
  readonly #files: SqliteFiles;
  readonly #database: DatabaseSync;
  readonly #statements = new Map<string, StatementSync>();
  #isInTransaction = false;

  /**
   * @throws AgentplaneError `state_failed` for a file that cannot be opened, is no state file, is damaged, or was
   *   written by a newer version; it is left as it is
   */
  constructor({ path, busyMs, synchronous }: SqliteDatabaseOptions) {
    this.path = path;
    this.#busyMs = Math.ceil(busyMs);
    this.#files = this.#try(() => new SqliteFiles(path));
    this.#database = this.#try(() => openDatabase(path));
    try {
      this.#database.exec(`PRAGMA busy_timeout = ${this.#busyMs}`);
      installSchema(this.#database, path);
      useWriteAheadLog(this.#database, Date.now() + busyMs);
      this.#database.exec(`PRAGMA synchronous = ${synchronous === "full" ? "FULL" : "NORMAL"}`);
      this.#database.exec("BEGIN IMMEDIATE; ROLLBACK");
      this.#files.noteLog();
    } catch (error) {
      this.#database.close();
      throw sqliteFailure(error, path);
    }
  }

  /** The first row of an answer. */
  get(sql: string, ...values: readonly SQLInputValue[]): SqliteRow | undefined {
    return this.#query(() => this.#prepared(sql).get(...values));
  }

  /** Every row of an answer. */
  all(sql: string, ...values: readonly SQLInputValue[]): readonly SqliteRow[] {
    return this.#query(() => this.#prepared(sql).all(...values));
  }

  /** @returns How many rows it changed. */
  run(sql: string, ...values: readonly SQLInputValue[]): number {
    return this.#query(() => Number(this.#prepared(sql).run(...values).changes));
  }

  /** Runs work that writes all or nothing; other processes' writes come before it or after it. */
  write<T>(work: () => T): T {
    this.#begin("BEGIN IMMEDIATE");
    return this.#end("COMMIT", work);
  }

  /** As `write`, but while another process writes the event loop has its turn. */
  async writeInTurn<T>(work: () => T): Promise<T> {
    const untilMs = performance.now() + this.#busyMs;
    for (let looks = 0; !this.#beginsAtOnce(performance.now() >= untilMs); looks++) {
      // oxlint-disable-next-line no-await-in-loop -- one look after the other
      await pause(PAUSES_MS[looks] ?? PAUSES_MS.at(-1));
    }
    return this.#end("COMMIT", work);
  }

  /** Runs work that reads one state of the file. What it writes is undone. */
  view<T>(work: () => T): T {
    this.#begin("BEGIN");
    return this.#end("ROLLBACK", work);
  }

  close(): void {
    this.#statements.clear();
    if (this.#database.isOpen) this.#database.close();
  }

  #begin(begin: string): void {
    if (this.#isInTransaction)
      throw new AgentplaneError("usage_invalid", "the change of a document must not use the store itself");
    this.run(begin);
    this.#isInTransaction = true;
  }

  /** Whether nobody else is writing: then this process is, from now on. The last look fails instead. */
  #beginsAtOnce(isLast: boolean): boolean {
    this.#query(() => this.#database.exec("PRAGMA busy_timeout = 0"));
    try {
      this.#begin("BEGIN IMMEDIATE");
      return true;
    } catch (error) {
      if (isLast || !isBusyFailure(error)) throw error;
      return false;
    } finally {
      this.#database.exec(`PRAGMA busy_timeout = ${this.#busyMs}`);
    }
  }

  #end<T>(end: string, work: () => T): T {
    try {
      const result = work();
      this.run(end);
      return result;
    } catch (error) {
      // A disk that is full, and a broken file, have ended the transaction already.
      if (this.#database.isOpen && this.#database.isTransaction) this.#database.exec("ROLLBACK");
      throw error;
    } finally {
      this.#isInTransaction = false;
    }
  }

  #prepared(sql: string): StatementSync {
    const known = this.#statements.get(sql);
    if (known !== undefined) return known;
    const statement = this.#database.prepare(sql);
    this.#statements.set(sql, statement);
    return statement;
  }

  /** Once per transaction: within one, what is asked is of the file that it began with. */
  #query<T>(work: () => T): T {
    if (!this.#isInTransaction) this.#files.check();
    return this.#try(work);
  }

  #try<T>(work: () => T): T {
    try {
      return work();
    } catch (error) {
      throw sqliteFailure(error, this.path);
    }
  }
}

function openDatabase(path: string): DatabaseSync {
  // Asked for here and not imported: Node.js 22 prints a warning when the module is loaded.
  const sqlite = process.getBuiltinModule("node:sqlite");
  return new sqlite.DatabaseSync(path);
}

/** The switch needs the file alone for a moment, and SQLite does not wait for that by itself. */
function useWriteAheadLog(database: DatabaseSync, deadlineMs: number): void {
  for (;;) {
    try {
      database.exec("PRAGMA journal_mode = WAL");
      return;
    } catch (error) {
      if (!isBusy(error) || Date.now() >= deadlineMs) throw error;
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, WAL_RETRY_MS);
    }
  }
}

function isBusy(error: unknown): boolean {
  return typeof error === "object" && error !== null && "errcode" in error && error.errcode === 5;
}
