import type { DocumentStore, DocumentWatcher, UpdateOptions } from "../store/state-store.ts";
import type { SqliteChanges } from "./sqlite-changes.ts";
import type { SqliteClock } from "./sqlite-clock.ts";
import type { SqliteDatabase, SqliteRow } from "./sqlite-database.ts";
import { afterPrefix, fromStoredKey, toStoredKey } from "./sqlite-keys.ts";

/** What a collection of documents is made of. */
export interface SqliteDocumentsDeps {
  readonly collection: string;
  readonly database: SqliteDatabase;
  readonly clock: SqliteClock;
  readonly changes: SqliteChanges;
}

/** What an update has done within its transaction. */
export interface Updated<T> {
  readonly next: T | undefined;
  readonly isWritten: boolean;
  readonly told: readonly (() => void)[];
}

/** A document that is forgotten in time makes room for itself: so many of those whose time is up go with it. */
const FORGET_PER_UPDATE = 8;

const IN_TIME = "(expires_ms IS NULL OR expires_ms > ?)";

/* oxlint-disable typescript/no-unnecessary-type-parameters -- the interface lets the key decide the type */

/** Documents in a file, as JSON; an update is one transaction, so that it never loses a race. */
export class SqliteDocuments implements DocumentStore {
  readonly isSerialised = true;
  readonly #deps: SqliteDocumentsDeps;

  constructor(deps: SqliteDocumentsDeps) {
    this.#deps = deps;
  }

  read<T>(key: string): T | undefined {
    return this.#read<T>(toStoredKey(key));
  }

  update<T>(
    key: string,
    change: (old: T | undefined) => T | undefined,
    options?: UpdateOptions,
  ): T | undefined {
    const { next, told } = this.#deps.database.write(() => this.updateWithin(key, change, options));
    for (const tell of told) tell();
    return next;
  }

  /** What is known without asking another process is what is there: the file is at hand. */
  recent(key: string): unknown {
    return this.read(key);
  }

  /** An update within a transaction that does more; `told` tells the watchers, once that is done. */
  updateWithin<T>(
    key: string,
    change: (old: T | undefined) => T | undefined,
    options?: UpdateOptions,
  ): Updated<T> {
    const { collection, changes } = this.#deps;
    const stored = toStoredKey(key);
    const old = this.#read<T>(stored);
    const next = change(old);
    if (next === old) return { next, isWritten: false, told: [] };
    if (next === undefined) return { next, isWritten: true, told: [this.#delete(collection, stored)] };
    this.#write(stored, next, options?.ttlMs);
    const noted = changes.note(collection, stored, next);
    const forgotten = options?.ttlMs === undefined ? [] : this.#forgetDue();
    return { next, isWritten: true, told: [noted, ...forgotten] };
  }

  list<T>(prefix: string): readonly (readonly [key: string, value: T])[] {
    const { database, collection, clock } = this.#deps;
    const rows = database.all(
      `SELECT key, value FROM document WHERE collection = ? AND key >= ? AND key < CAST(? AS TEXT) AND ${IN_TIME}`,
      collection,
      toStoredKey(prefix),
      afterPrefix(prefix),
      clock.nowMs(),
    );
    return rows
      .map((row) => [fromStoredKey(row["key"]), parse<T>(row)] as const)
      .toSorted(([a], [b]) => (a < b ? -1 : 1));
  }

  watch<T>(prefix: string, watcher: DocumentWatcher<T>): () => void {
    return this.#deps.changes.watch(this.#deps.collection, prefix, {
      // The prefix decides the type: a watcher asks for what it knows to be there.
      changed: (key, value) => watcher.changed(key, value as T | undefined),
      confirmed: (heartbeatMs) => watcher.confirmed?.(heartbeatMs),
      missed: () => watcher.missed?.(),
    });
  }

  #read<T>(stored: string): T | undefined {
    const { database, collection, clock } = this.#deps;
    const sql = `SELECT value FROM document WHERE collection = ? AND key = ? AND ${IN_TIME}`;
    const row = database.get(sql, collection, stored, clock.nowMs());
    return row && parse<T>(row);
  }

  #write(stored: string, value: unknown, ttlMs: number | undefined): void {
    const { database, collection, clock } = this.#deps;
    database.run(
      "INSERT OR REPLACE INTO document (collection, key, value, expires_ms) VALUES (?, ?, ?, ?)",
      collection,
      stored,
      JSON.stringify(value),
      ttlMs === undefined ? null : clock.nowMs() + ttlMs,
    );
  }

  #delete(collection: string, stored: string): () => void {
    const { database, changes } = this.#deps;
    database.run("DELETE FROM document WHERE collection = ? AND key = ?", collection, stored);
    return changes.note(collection, stored, undefined);
  }

  #forgetDue(): readonly (() => void)[] {
    const { database, clock } = this.#deps;
    const sql = "SELECT collection, key FROM document WHERE expires_ms <= ? ORDER BY expires_ms LIMIT ?";
    return database
      .all(sql, clock.nowMs(), FORGET_PER_UPDATE)
      .map((row) => this.#delete(String(row["collection"]), String(row["key"])));
  }
}

function parse<T>(row: SqliteRow): T {
  // The key decides the type: each machine reads only what it wrote.
  return JSON.parse(String(row["value"])) as T;
}
