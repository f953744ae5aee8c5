import type { StoredDocument } from "../store/recent-documents.ts";
import type { DocumentStore, DocumentWatcher, UpdateOptions } from "../store/state-store.ts";
import type { SqliteChanges } from "./sqlite-changes.ts";
import type { SqliteClock } from "./sqlite-clock.ts";
import type { SqliteDatabase } from "./sqlite-database.ts";
import { unusableFile } from "./sqlite-failure.ts";
import { afterPrefix, fromStoredKey, toStoredKey } from "./sqlite-keys.ts";
import { SqliteLongDocuments, wholeOf } from "./sqlite-long-documents.ts";

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

interface Row {
  readonly text: string;
  readonly isInTime: boolean;
}

const ABSENT: StoredDocument = Object.freeze({ version: "", json: undefined });
/** A document that is forgotten in time makes room for itself: so many of those whose time is up go with it. */
const FORGET_PER_UPDATE = 8;

const DELETE = "DELETE FROM document WHERE collection = ? AND key = ?";
const IN_TIME = "(expires_ms IS NULL OR expires_ms > ?)";

/* oxlint-disable typescript/no-unnecessary-type-parameters -- the interface lets the key decide the type */

/** Documents in a file, as JSON; an update is one transaction, so that it never loses a race. */
export class SqliteDocuments implements DocumentStore {
  readonly isSerialised = true;
  readonly #deps: SqliteDocumentsDeps;
  readonly #long = new SqliteLongDocuments();

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
    const stored = toStoredKey(key);
    const row = this.#row(stored);
    // The key decides the type: each machine reads only what it wrote.
    const old = row?.isInTime === true ? (this.#parse(stored, row.text) as T) : undefined;
    const next = change(old);
    if (next === old) return { next, isWritten: false, told: [] };
    return { next, isWritten: true, told: this.#put({ stored, row, old }, next, options) };
  }

  /** What is there now: what it is kept as stands for what it is. */
  stored(key: string): StoredDocument {
    const row = this.#row(toStoredKey(key));
    return row?.isInTime === true ? { version: row.text, json: row.text } : ABSENT;
  }

  /** The value of what was found. */
  valueOf(key: string, { json }: StoredDocument): unknown {
    return json === undefined ? undefined : this.#valueNow(toStoredKey(key), json);
  }

  /** Writes within a transaction that does more, whatever is there; `told` as for an update. */
  putWithin(key: string, next: unknown, options: UpdateOptions): readonly (() => void)[] {
    const stored = toStoredKey(key);
    const row = this.#row(stored);
    const old = row?.isInTime === true ? this.#parse(stored, row.text) : undefined;
    return this.#put({ stored, row, old }, next, options);
  }

  #put(
    { stored, row, old }: { readonly stored: string; readonly row: Row | undefined; readonly old: unknown },
    next: unknown,
    options: UpdateOptions | undefined,
  ): readonly (() => void)[] {
    const { collection, changes } = this.#deps;
    if (next === undefined) return [this.#delete(collection, stored)];
    const text = row?.isInTime === true ? row.text : undefined;
    const kept = this.#long.keep(stored, text === undefined ? undefined : { text, value: old }, next);
    if (kept.whole !== undefined) this.#write(wholesOf(collection), kept.whole.id, kept.whole.json);
    this.#write(collection, stored, kept.text, options?.ttlMs);
    this.#deleteWhole(collection, row?.text, kept.text);
    const noted = changes.note(collection, stored, next);
    const forgotten = options?.ttlMs === undefined ? [] : this.#forgetDue();
    return [noted, ...forgotten];
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
      .flatMap((row): readonly (readonly [string, T])[] => {
        const value = this.#valueNow(String(row["key"]), String(row["value"]));
        // As in `updateWithin`.
        return value === undefined ? [] : [[fromStoredKey(row["key"]), value as T]];
      })
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
    const row = this.#row(stored);
    // As in `updateWithin`.
    return row?.isInTime === true ? (this.#valueNow(stored, row.text) as T | undefined) : undefined;
  }

  /** Outside of a transaction another process may have written it anew since: then what is there now counts. */
  #valueNow(stored: string, text: string): unknown {
    try {
      return this.#parse(stored, text);
    } catch (error) {
      const row = this.#row(stored);
      if (row?.isInTime !== true) return undefined;
      if (row.text === text) throw error;
      return this.#valueNow(stored, row.text);
    }
  }

  #row(stored: string): Row | undefined {
    const { database, collection, clock } = this.#deps;
    const sql = `SELECT value, ${IN_TIME} AS in_time FROM document WHERE collection = ? AND key = ?`;
    const row = database.get(sql, clock.nowMs(), collection, stored);
    return row && { text: String(row["value"]), isInTime: row["in_time"] === 1 };
  }

  #parse(stored: string, text: string): unknown {
    return this.#long.read(stored, text, (id) => this.#whole(id));
  }

  #whole(id: string): string {
    const { database, collection } = this.#deps;
    const sql = "SELECT value FROM document WHERE collection = ? AND key = ?";
    const row = database.get(sql, wholesOf(collection), id);
    if (row !== undefined) return String(row["value"]);
    throw unusableFile(database.path, "corrupt", `it has lost a long document of the ${collection}`);
  }

  #write(collection: string, stored: string, text: string, ttlMs?: number): void {
    const { database, clock } = this.#deps;
    database.run(
      "INSERT OR REPLACE INTO document (collection, key, value, expires_ms) VALUES (?, ?, ?, ?)",
      collection,
      stored,
      text,
      ttlMs === undefined ? null : clock.nowMs() + ttlMs,
    );
  }

  /** What a document was kept upon goes with it. */
  #deleteWhole(collection: string, before: string | undefined, now?: string): void {
    const id = before === undefined ? undefined : wholeOf(before);
    if (id === undefined || now?.includes(id) === true) return;
    this.#deps.database.run(DELETE, wholesOf(collection), id);
  }

  #delete(collection: string, stored: string): () => void {
    const { database, changes } = this.#deps;
    const row = database.get(`${DELETE} RETURNING value`, collection, stored);
    this.#deleteWhole(collection, row && String(row["value"]));
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

/** Where the long documents of a collection lie that others build upon. */
function wholesOf(collection: string): string {
  return `${collection}~`;
}
