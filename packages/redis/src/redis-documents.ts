import {
  AgentplaneError,
  type DocumentStore,
  type DocumentWatcher,
  type Logger,
  type UpdateOptions,
} from "@agentplane/core";

import type { Connection } from "./connection.ts";
import { DocumentWatches } from "./document-watches.ts";
import type { Keyspace } from "./keyspace.ts";
import { UPDATE } from "./lua/document-scripts.ts";
import { RecentDocuments, type StoredDocument } from "./recent-documents.ts";

/** What a collection of documents is made of. */
export interface RedisDocumentsDeps {
  readonly collection: string;
  readonly connection: Connection;
  readonly keyspace: Keyspace;
  readonly logger: Logger;
}

/** Up to so many bytes a value is told with its change; a bigger one is read by who follows it. */
const MAX_TOLD_BYTES = 4_096;
const MAX_ATTEMPTS = 1_000;
const READ_AT_ONCE = 500;

/* oxlint-disable typescript/no-unnecessary-type-parameters -- the interface lets the key decide the type */

/** Documents on a server: written by compare-and-set, followed by every process. */
export class RedisDocuments implements DocumentStore {
  /** Those who follow the collection; the feed of changes tells them. */
  readonly changes: DocumentWatches;
  readonly #deps: RedisDocumentsDeps;
  /** One update of a key at a time in this process: against itself it never loses a race. */
  readonly #updating = new Map<string, Promise<unknown>>();
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
    const before = this.#updating.get(key) ?? Promise.resolve();
    const work = before.then(() => this.#update(key, change, options?.ttlMs));
    // Whoever comes next waits for the end of it, whichever.
    const done = work.then(
      () => undefined,
      () => undefined,
    );
    this.#updating.set(key, done);
    try {
      return await work;
    } finally {
      if (this.#updating.get(key) === done) this.#updating.delete(key);
    }
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
    const { connection, keyspace, collection } = this.#deps;
    const isWrite = value !== undefined;
    const keys = [
      keyspace.ofDocument(collection, key),
      keyspace.indexOf(collection),
      keyspace.expiryOf(collection),
      keyspace.revisionOf(collection),
    ];
    const args = [
      version,
      isWrite ? "1" : "0",
      isWrite ? JSON.stringify(value) : "",
      ttlMs === undefined ? "" : String(Math.max(1, Math.ceil(ttlMs))),
      key,
      JSON.stringify(key),
      keyspace.channelOf(collection),
      String(MAX_TOLD_BYTES),
    ];
    const reply = await connection.run((client) => UPDATE.run(client, keys, args));
    if (!Array.isArray(reply))
      throw new AgentplaneError("state_failed", "Redis answered an update with something else");
    const [isWritten, detail] = reply;
    if (isWritten !== 1) return parseStored(String(detail));
    this.changes.note(Number(detail));
    this.#recent.note(key, { version: String(detail), json: isWrite ? args[2] : undefined });
    return undefined;
  }

  async #stored(key: string): Promise<StoredDocument> {
    const { connection, keyspace } = this.#deps;
    const name = keyspace.ofDocument(this.#deps.collection, key);
    const stored = parseStored((await connection.run((client) => client.get(name))) ?? "");
    this.#recent.note(key, stored);
    return stored;
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

function parseStored(stored: string): StoredDocument {
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
