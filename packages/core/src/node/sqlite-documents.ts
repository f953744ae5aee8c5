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

/** A document that is forgotten in time makes room for itself: so many of those whose time is up go with it. */
const FORGET_PER_UPDATE = 8;

const IN_TIME = "(expires_ms IS NULL OR expires_ms > ?)";

/* oxlint-disable typescript/no-unnecessary-type-parameters -- the interface lets the key decide the type */

/** Documents in a file, as JSON; an update is one transaction, so that it never loses a race. */
export class SqliteDocuments implements DocumentStore {
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
    const told: (() => void)[] = [];
    const result = this.#deps.database.write(() => {
      const stored = toStoredKey(key);
      const old = this.#read<T>(stored);
      const next = change(old);
      if (next === old) return old;
      if (next === undefined) told.push(this.#delete(this.#deps.collection, stored));
      else {
        this.#write(stored, next, options?.ttlMs);
        told.push(this.#deps.changes.note(this.#deps.collection, stored, next));
        if (options?.ttlMs !== undefined) told.push(...this.#forgetDue());
      }
      return next;
    });
    for (const tell of told) tell();
    return result;
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
