import type { DocumentStore, DocumentWatcher } from "@agentplane/core";
import {
  RecentDocuments,
  type DocumentWrite,
  type GroupedDocuments,
  type GroupedWrites,
  isOfCalls,
  type StoredDocument,
} from "@agentplane/core/store";

import type { Database, Row } from "../database.ts";
import type { OwnPorts } from "../own-ports.ts";
import { repeated } from "../repeated.ts";
import type { ChangeFeed } from "./change-feed.ts";
import { bytesOfKey, endOfPrefix, keyOfBytes } from "./document-key.ts";
import { PolledWatch } from "./polled-watch.ts";

/** What a collection is made of. */
export interface PostgresDocumentsDeps {
  readonly database: Database;
  readonly collection: string;
  /** Takes what is to be written, of all collections. */
  readonly writes: GroupedWrites<PostgresDocuments>;
  /** Tells of changes; undefined for a collection whose changes are not logged. */
  readonly feed: ChangeFeed | undefined;
  /** How often such a collection is looked at, where somebody watches it. */
  readonly pollMs: number;
  readonly ports: OwnPorts;
}

/** As the index does. */
const INDEXED_BYTES = 256;

/* oxlint-disable typescript/no-unnecessary-type-parameters -- the interface lets the key decide the type */

/** Small JSON documents on a server, written by compare-and-set. */
export class PostgresDocuments implements DocumentStore, GroupedDocuments {
  readonly isSerialised = true;
  readonly collection: string;
  readonly isOfCalls: boolean;
  /** Whether its changes are logged, for those who follow them. */
  readonly isFollowed: boolean;
  readonly #deps: PostgresDocumentsDeps;
  readonly #table: string;
  readonly #recent = new RecentDocuments();
  readonly #polled = new Set<PolledWatch>();

  constructor(deps: PostgresDocumentsDeps) {
    this.#deps = deps;
    this.collection = deps.collection;
    this.isOfCalls = isOfCalls(deps.collection);
    this.isFollowed = deps.feed !== undefined;
    this.#table = `"${deps.database.schema}".document`;
  }

  async read<T>(key: string): Promise<T | undefined> {
    return valueOf<T>(await this.#read(key));
  }

  recent(key: string): unknown {
    return this.#recent.value(key);
  }

  async update<T>(
    key: string,
    change: (old: T | undefined) => T | undefined,
    options?: { readonly ttlMs?: number },
  ): Promise<T | undefined> {
    bytesOfKey(key);
    const next = await this.#deps.writes.update({
      documents: this,
      key,
      // The key decides the type: each machine reads only what it wrote.
      change: (old) => change(old as T | undefined),
      ttlMs: options?.ttlMs,
    });
    return next as T | undefined;
  }

  /** What this process saw last of a document. */
  guess(key: string): StoredDocument {
    return this.#recent.guess(key);
  }

  /** What is there now. */
  fresh(key: string): Promise<StoredDocument> {
    return this.#read(key);
  }

  /** The value of what was found, parsed once as long as it is the latest. */
  valueOf(key: string, stored: StoredDocument): unknown {
    return this.#recent.guess(key).version === stored.version ? this.#recent.value(key) : valueOf(stored);
  }

  /** It was found there. */
  saw(key: string, stored: StoredDocument): StoredDocument {
    this.#recent.note(key, stored);
    return stored;
  }

  /** It was written so. */
  written(
    { key, json, value }: DocumentWrite<PostgresDocuments>,
    { version, change }: { readonly version: string; readonly change: number },
  ): void {
    this.#recent.note(key, { version, json }, { of: value });
    this.#deps.feed?.written(this.collection, key, change);
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

  async #read(key: string): Promise<StoredDocument> {
    const { database, collection } = this.#deps;
    const text =
      `SELECT revision::text AS revision, value::text AS json FROM ${this.#table} ` +
      `WHERE collection = $1 AND id = sha256($2) AND (expires_ms IS NULL OR expires_ms > "${database.schema}".now_ms())`;
    const [row] = await repeated(() => database.query(text, [collection, bytesOfKey(key)]));
    if (row === undefined) return this.saw(key, { version: "", json: undefined });
    return this.saw(key, { version: String(row["revision"]), json: String(row["json"]) });
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
    return repeated(() => database.query(text, values));
  }
}

/** A time to live as the server counts it; undefined for ever. */
export function ttlOf(ttlMs: number | undefined): number | undefined {
  return ttlMs === undefined || ttlMs === Infinity ? undefined : Math.max(1, Math.ceil(ttlMs));
}

function valueOf<T>({ json }: StoredDocument): T | undefined {
  // The key decides the type: each machine reads only what it wrote.
  return json === undefined ? undefined : (JSON.parse(json) as T);
}
