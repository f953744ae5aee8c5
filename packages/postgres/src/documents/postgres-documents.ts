import { setTimeout } from "node:timers/promises";

import type { DocumentStore, DocumentWatcher } from "@agentplane/core";

import type { Database, Row } from "../database.ts";
import type { OwnPorts } from "../own-ports.ts";
import { ServerFailure } from "../server-failure.ts";
import type { ChangeFeed } from "./change-feed.ts";
import { bytesOfKey, endOfPrefix, keyOfBytes } from "./document-key.ts";
import { PolledWatch } from "./polled-watch.ts";

/** What a collection is made of. */
export interface PostgresDocumentsDeps {
  readonly database: Database;
  readonly collection: string;
  /** Tells of changes; undefined for a collection whose changes are not logged. */
  readonly feed: ChangeFeed | undefined;
  /** How often such a collection is looked at, where somebody watches it. */
  readonly pollMs: number;
  readonly ports: OwnPorts;
}

interface Stored {
  readonly revision: string;
  readonly json: string;
}

const MAX_ATTEMPTS = 200;
const MAX_PAUSE_MS = 25;
/** As the index does. */
const INDEXED_BYTES = 256;

/* oxlint-disable typescript/no-unnecessary-type-parameters -- the interface lets the key decide the type */

/** Small JSON documents on a server, written by compare-and-set. */
export class PostgresDocuments implements DocumentStore {
  readonly #deps: PostgresDocumentsDeps;
  readonly #table: string;
  /** One update of a key at a time in this process: against itself it never loses a race. */
  readonly #updating = new Map<string, Promise<void>>();
  readonly #polled = new Set<PolledWatch>();

  constructor(deps: PostgresDocumentsDeps) {
    this.#deps = deps;
    this.#table = `"${deps.database.schema}".document`;
  }

  async read<T>(key: string): Promise<T | undefined> {
    return valueOf<T>(await this.#stored(bytesOfKey(key)));
  }

  async update<T>(
    key: string,
    change: (old: T | undefined) => T | undefined,
    options?: { readonly ttlMs?: number },
  ): Promise<T | undefined> {
    const bytes = bytesOfKey(key);
    const before = this.#updating.get(key) ?? Promise.resolve();
    const work = before.then(() => this.#update(key, { bytes, change, ttlMs: options?.ttlMs }));
    // Whoever comes next waits for the end of it, whichever; the caller is told which.
    const ended = work.then(
      () => undefined,
      () => undefined,
    );
    this.#updating.set(key, ended);
    try {
      return await work;
    } finally {
      if (this.#updating.get(key) === ended) this.#updating.delete(key);
    }
  }

  async list<T>(prefix: string): Promise<readonly (readonly [key: string, value: T])[]> {
    const { feed } = this.#deps;
    const read = (): Promise<readonly (readonly [string, T])[]> => this.#list<T>(prefix);
    return feed === undefined ? read() : feed.between(read);
  }

  watch<T>(prefix: string, watcher: DocumentWatcher<T>): () => void {
    const { feed, collection, pollMs, ports } = this.#deps;
    // The prefix decides the type: a watcher asks for what it knows to be there.
    const untyped: DocumentWatcher<unknown> = {
      changed: (key, value) => watcher.changed(key, value as T | undefined),
      confirmed: (heartbeatMs) => watcher.confirmed?.(heartbeatMs),
      missed: () => watcher.missed?.(),
    };
    if (feed !== undefined) return feed.watch(collection, prefix, untyped);
    const polled = new PolledWatch(
      { revisions: () => this.#revisions(prefix), read: (key) => this.read(key), pollMs, ports },
      untyped,
    );
    this.#polled.add(polled);
    return () => {
      polled.close();
      this.#polled.delete(polled);
    };
  }

  /** Nobody is told of anything any more. */
  close(): void {
    for (const polled of this.#polled) polled.close();
  }

  async #update<T>(
    key: string,
    how: { bytes: Buffer; change: (old: T | undefined) => T | undefined; ttlMs: number | undefined },
  ): Promise<T | undefined> {
    for (let attempt = 1; attempt <= MAX_ATTEMPTS; attempt++) {
      // Each attempt builds on what the one before has found.
      // oxlint-disable no-await-in-loop
      const stored = await this.#stored(how.bytes);
      const old = valueOf<T>(stored);
      const next = how.change(old);
      if (next === old) return old;
      if (await this.#write(key, { ...how, next, expected: stored?.revision ?? "0" })) return next;
      await setTimeout(Math.random() * Math.min(attempt, MAX_PAUSE_MS));
      // oxlint-enable no-await-in-loop
    }
    const message = `a document of "${this.#deps.collection}" changes too often to be written`;
    throw new ServerFailure(message, { kind: "refused" });
  }

  /** @returns False when the document is another by now. */
  async #write(
    key: string,
    {
      bytes,
      next,
      expected,
      ttlMs,
    }: { bytes: Buffer; next: unknown; expected: string; ttlMs: number | undefined },
  ): Promise<boolean> {
    const { database, collection, feed } = this.#deps;
    const json = next === undefined ? null : JSON.stringify(next);
    const ttl = ttlMs === undefined || ttlMs === Infinity ? null : Math.max(1, Math.ceil(ttlMs));
    const values = [collection, bytes, expected, json, ttl, feed !== undefined];
    const revision = await this.#repeated(() => database.call("write_document", values));
    if (revision === null) return false;
    feed?.written(collection, key, Number(revision));
    return true;
  }

  async #stored(bytes: Buffer): Promise<Stored | undefined> {
    const { database, collection } = this.#deps;
    const text =
      `SELECT revision::text AS revision, value::text AS json FROM ${this.#table} ` +
      `WHERE collection = $1 AND id = sha256($2) AND (expires_ms IS NULL OR expires_ms > "${database.schema}".now_ms())`;
    const [row] = await this.#repeated(() => database.query(text, [collection, bytes]));
    return row === undefined ? undefined : { revision: String(row["revision"]), json: String(row["json"]) };
  }

  async #list<T>(prefix: string): Promise<readonly (readonly [string, T])[]> {
    const rows = await this.#under(prefix, "value::text AS json");
    // The prefix decides the type, as in `read`.
    const found = rows.map((row) => [keyOfBytes(row["key"]), JSON.parse(String(row["json"])) as T] as const);
    return found.toSorted(([a], [b]) => (a < b ? -1 : 1));
  }

  async #revisions(prefix: string): Promise<ReadonlyMap<string, string>> {
    const rows = await this.#under(prefix, "revision::text AS revision");
    return new Map(rows.map((row) => [keyOfBytes(row["key"]), String(row["revision"])]));
  }

  async #under(prefix: string, column: string): Promise<readonly Row[]> {
    const { database, collection } = this.#deps;
    const bytes = bytesOfKey(prefix);
    const from = bytes.subarray(0, INDEXED_BYTES);
    const text =
      `SELECT key, ${column} FROM ${this.#table} WHERE collection = $1 ` +
      `AND substring(key FOR ${INDEXED_BYTES}) >= $2 ` +
      `AND ($3::bytea IS NULL OR substring(key FOR ${INDEXED_BYTES}) < $3) ` +
      `AND substring(key FOR $4) = $5 AND (expires_ms IS NULL OR expires_ms > "${database.schema}".now_ms())`;
    const values = [collection, from, endOfPrefix(from) ?? null, bytes.length, bytes];
    return this.#repeated(() => database.query(text, values));
  }

  /** What the server undid whole may be sent again. */
  async #repeated<R>(work: () => Promise<R>): Promise<R> {
    for (let attempt = 1; ; attempt++) {
      try {
        // oxlint-disable-next-line no-await-in-loop -- a repetition, after what it repeats has failed
        return await work();
      } catch (error) {
        if (!(error instanceof ServerFailure) || error.kind !== "again" || attempt === 5) throw error;
      }
    }
  }
}

function valueOf<T>(stored: Stored | undefined): T | undefined {
  // The key decides the type: each machine reads only what it wrote.
  return stored === undefined ? undefined : (JSON.parse(stored.json) as T);
}
