import { type DocumentStore, type DocumentWatcher, type Logger, type UpdateOptions } from "@agentplane/core";

import {
  RecentDocuments,
  type DocumentWrite,
  type GroupedDocuments,
  type GroupedWrites,
  isOfCalls,
  type StoredDocument,
} from "@agentplane/core/store";

import type { Connection } from "../connection/connection.ts";
import { DocumentWatches } from "./document-watches.ts";
import type { Keyspace } from "../connection/keyspace.ts";
import type { ScriptPart } from "../ledger/redis-ledger.ts";

/** What a collection of documents is made of. */
export interface RedisDocumentsDeps {
  readonly collection: string;
  readonly connection: Connection;
  readonly keyspace: Keyspace;
  /** Takes what is to be written, of all collections. */
  readonly writes: GroupedWrites<RedisDocuments>;
  readonly logger: Logger;
  /** How often it is confirmed that no change was missed. */
  readonly heartbeatMs: number;
}

/** Up to so many bytes a value is told with its change; a bigger one is read by who follows it. */
const MAX_TOLD_BYTES = 4_096;
const READ_AT_ONCE = 500;

/* oxlint-disable typescript/no-unnecessary-type-parameters -- the interface lets the key decide the type */

/** Documents on a server: written by compare-and-set, followed by every process. */
export class RedisDocuments implements DocumentStore, GroupedDocuments {
  readonly isSerialised = true;
  /** Those who follow the collection; the feed of changes tells them. */
  readonly changes: DocumentWatches;
  readonly collection: string;
  readonly isOfCalls: boolean;
  readonly #deps: RedisDocumentsDeps;
  readonly #recent = new RecentDocuments();

  constructor(deps: RedisDocumentsDeps) {
    this.#deps = deps;
    this.collection = deps.collection;
    this.isOfCalls = isOfCalls(deps.collection);
    this.changes = new DocumentWatches({ ...deps, read: async (key) => (await this.#stored(key)).json });
  }

  async read<T>(key: string): Promise<T | undefined> {
    const { json } = await this.#stored(key);
    // The key decides the type: each machine reads only what it wrote.
    return json === undefined ? undefined : (JSON.parse(json) as T);
  }

  async update<T>(
    key: string,
    change: (old: T | undefined) => T | undefined,
    options?: UpdateOptions,
  ): Promise<T | undefined> {
    this.#deps.keyspace.ofDocument(this.collection, key);
    const next = await this.#deps.writes.update({
      documents: this,
      key,
      // The key decides the type: each machine reads only what it wrote.
      change: (old) => change(old as T | undefined),
      ttlMs: options?.ttlMs,
    });
    return next as T | undefined;
  }

  recent(key: string): unknown {
    return this.#recent.value(key);
  }

  /** What this process saw last of a document. */
  guess(key: string): StoredDocument {
    return this.#recent.guess(key);
  }

  /** What is there now. */
  fresh(key: string): Promise<StoredDocument> {
    return this.#stored(key);
  }

  /** What a script is told to write a document that is still at a version, and to tell everybody. */
  writing({ key, version, json, ttlMs }: DocumentWrite<RedisDocuments>): ScriptPart {
    const { keyspace, collection } = this.#deps;
    const keys = [
      keyspace.ofDocument(collection, key),
      keyspace.indexOf(collection),
      keyspace.expiryOf(collection),
      keyspace.revisionOf(collection),
    ];
    const texts = [
      version,
      json === undefined ? "0" : "1",
      json ?? "",
      ttlMs === undefined ? "" : String(Math.max(1, Math.ceil(ttlMs))),
      key,
      JSON.stringify(key),
      keyspace.channelOf(collection),
      String(MAX_TOLD_BYTES),
    ];
    return { keys, texts };
  }

  /** It was written so. */
  written({ key, json, value }: DocumentWrite<RedisDocuments>, version: string): void {
    this.changes.note(Number(version));
    this.#recent.note(key, { version, json }, { of: value });
  }

  /** It was found there. */
  saw(key: string, stored: StoredDocument): StoredDocument {
    this.#recent.note(key, stored);
    return stored;
  }

  /** The value of what was found, parsed once as long as it is the latest. */
  valueOf(key: string, { version, json }: StoredDocument): unknown {
    if (json === undefined) return undefined;
    return this.#recent.guess(key).version === version ? this.#recent.value(key) : JSON.parse(json);
  }

  async list<T>(prefix: string): Promise<readonly (readonly [key: string, value: T])[]> {
    const { connection, keyspace } = this.#deps;
    const [from, to] = rangeOf(prefix);
    const index = keyspace.indexOf(this.collection);
    const keys = await connection.run((client) => client.zrangebylex(index, from, to));
    const found: (readonly [string, T])[] = [];
    for (let at = 0; at < keys.length; at += READ_AT_ONCE) {
      const some = keys.slice(at, at + READ_AT_ONCE);
      const names = some.map((key) => keyspace.ofDocument(this.collection, key));
      // oxlint-disable-next-line no-await-in-loop -- a server does one thing at a time: smaller pieces let others in
      const values = await connection.run((client) => client.mget(...names));
      for (const [position, key] of some.entries()) {
        const { json } = parseStored(values[position] ?? "");
        // As in `read`.
        if (json !== undefined) found.push([key, JSON.parse(json) as T]);
      }
    }
    return found.toSorted(([a], [b]) => (a < b ? -1 : 1));
  }

  watch(prefix: string, watcher: DocumentWatcher<unknown>): () => void {
    return this.changes.add(prefix, watcher);
  }

  async #stored(key: string): Promise<StoredDocument> {
    const { connection, keyspace } = this.#deps;
    const name = keyspace.ofDocument(this.collection, key);
    return this.saw(key, parseStored((await connection.run((client) => client.get(name))) ?? ""));
  }
}

/** Reads a document as it is kept; empty for none. */
export function parseStored(stored: string): StoredDocument {
  const end = stored.indexOf("\n");
  return end === -1
    ? { version: "", json: undefined }
    : { version: stored.slice(0, end), json: stored.slice(end + 1) };
}

/** All names with a prefix, in bytes: 0xff is in no UTF-8. */
function rangeOf(prefix: string): readonly [from: string, to: string | Buffer] {
  return prefix === ""
    ? ["-", "+"]
    : [`[${prefix}`, Buffer.concat([Buffer.from(`(${prefix}`), Buffer.of(0xff)])];
}
