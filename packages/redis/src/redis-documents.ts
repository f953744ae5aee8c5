import {
  AgentplaneError,
  type DocumentStore,
  type DocumentWatcher,
  type Logger,
  type UpdateOptions,
} from "@agentplane/core";

import { RecentDocuments, Turns, type StoredDocument } from "@agentplane/core/store";

import type { Connection } from "./connection.ts";
import { DocumentWatches } from "./document-watches.ts";
import type { Keyspace } from "./keyspace.ts";
import { UPDATE } from "./lua/document-scripts.ts";
import type { ScriptPart } from "./redis-ledger.ts";

/** What a collection of documents is made of. */
export interface RedisDocumentsDeps {
  readonly collection: string;
  readonly connection: Connection;
  readonly keyspace: Keyspace;
  readonly logger: Logger;
}

/** What becomes of a document, and what must still be there for it. */
export interface DocumentWrite {
  readonly version: string;
  /** Undefined to delete it. */
  readonly json: string | undefined;
  readonly ttlMs: number | undefined;
}

/** Up to so many bytes a value is told with its change; a bigger one is read by who follows it. */
const MAX_TOLD_BYTES = 4_096;
const MAX_ATTEMPTS = 1_000;
const READ_AT_ONCE = 500;

/* oxlint-disable typescript/no-unnecessary-type-parameters -- the interface lets the key decide the type */

/** Documents on a server: written by compare-and-set, followed by every process. */
export class RedisDocuments implements DocumentStore {
  readonly isSerialised = true;
  /** Those who follow the collection; the feed of changes tells them. */
  readonly changes: DocumentWatches;
  readonly #deps: RedisDocumentsDeps;
  readonly #turns = new Turns();
  readonly #recent = new RecentDocuments();

  constructor(deps: RedisDocumentsDeps) {
    this.#deps = deps;
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
    return this.#turns.take(key, () => this.#update(key, change, options?.ttlMs));
  }

  recent(key: string): unknown {
    return this.#recent.value(key);
  }

  /** Runs work that changes a document, after all of this process that came before it. */
  inTurn<T>(key: string, work: () => Promise<T>): Promise<T> {
    return this.#turns.take(key, work);
  }

  /** What a script is told to write a document that is still at a version, and to tell everybody. */
  writing(key: string, { version, json, ttlMs }: DocumentWrite): ScriptPart {
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
  written(key: string, stored: StoredDocument): void {
    this.changes.note(Number(stored.version));
    this.#recent.note(key, stored);
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

  /** What this process saw last of a document, or what is there now. */
  async stored(key: string, isFresh: boolean): Promise<StoredDocument> {
    return isFresh ? this.#stored(key) : this.#recent.guess(key);
  }

  async list<T>(prefix: string): Promise<readonly (readonly [key: string, value: T])[]> {
    const { connection, keyspace } = this.#deps;
    const [from, to] = rangeOf(prefix);
    const index = keyspace.indexOf(this.#deps.collection);
    const keys = await connection.run((client) => client.zrangebylex(index, from, to));
    const found: (readonly [string, T])[] = [];
    for (let at = 0; at < keys.length; at += READ_AT_ONCE) {
      const some = keys.slice(at, at + READ_AT_ONCE);
      const names = some.map((key) => keyspace.ofDocument(this.#deps.collection, key));
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

  async #update<T>(
    key: string,
    change: (old: T | undefined) => T | undefined,
    ttlMs: number | undefined,
  ): Promise<T | undefined> {
    let stored = this.#recent.guess(key);
    let isGuess = true;
    for (let attempt = 0; attempt < MAX_ATTEMPTS; attempt++) {
      const changed = changeOf(stored, change);
      if (changed.isWrite) {
        // oxlint-disable-next-line no-await-in-loop -- each attempt is for what the last one found
        const raced = await this.#write(key, { version: stored.version, value: changed.next, ttlMs });
        if (raced === undefined) return changed.next;
        stored = raced;
      } else if (isGuess) {
        // Only what is really there can be left as it is, or be refused.
        // oxlint-disable-next-line no-await-in-loop
        stored = await this.#stored(key);
      } else {
        if ("error" in changed) throw changed.error;
        return changed.next;
      }
      isGuess = false;
    }
    throw new AgentplaneError(
      "state_failed",
      `a document of "${this.#deps.collection}" changes too often to be written`,
    );
  }

  /** @returns What is there instead, when it has changed since it was read. */
  async #write(
    key: string,
    { version, value, ttlMs }: { version: string; value: unknown; ttlMs: number | undefined },
  ): Promise<StoredDocument | undefined> {
    const json = value === undefined ? undefined : JSON.stringify(value);
    const { keys, texts } = this.writing(key, { version, json, ttlMs });
    const reply = await this.#deps.connection.run((client) => UPDATE.run(client, keys, texts));
    if (!Array.isArray(reply))
      throw new AgentplaneError("state_failed", "Redis answered an update with something else");
    const [isWritten, detail] = reply;
    if (isWritten !== 1) return parseStored(String(detail));
    this.written(key, { version: String(detail), json });
    return undefined;
  }

  async #stored(key: string): Promise<StoredDocument> {
    const { connection, keyspace } = this.#deps;
    const name = keyspace.ofDocument(this.#deps.collection, key);
    return this.saw(key, parseStored((await connection.run((client) => client.get(name))) ?? ""));
  }
}

/** What a change makes of a document: a write, nothing, or an error of its own. */
function changeOf<T>(
  { json }: StoredDocument,
  change: (old: T | undefined) => T | undefined,
): { isWrite: boolean; next: T | undefined } | { isWrite: false; error: unknown } {
  // The key decides the type: each machine reads only what it wrote.
  const old = json === undefined ? undefined : (JSON.parse(json) as T);
  try {
    const next = change(old);
    return { isWrite: next !== old, next };
  } catch (error) {
    return { isWrite: false, error };
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
