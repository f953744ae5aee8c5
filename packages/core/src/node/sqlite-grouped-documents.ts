import { isOfCalls, type GroupedDocuments } from "../store/group-sender.ts";
import type { GroupedWrites } from "../store/grouped-writes.ts";
import type { StoredDocument } from "../store/recent-documents.ts";
import type { DocumentStore, DocumentWatcher, UpdateOptions } from "../store/state-store.ts";
import type { SqliteDocuments } from "./sqlite-documents.ts";

/* oxlint-disable typescript/no-unnecessary-type-parameters -- the interface lets the key decide the type */

/** Documents in a file whose writes share a transaction where they come at once. */
export class SqliteGroupedDocuments implements DocumentStore, GroupedDocuments {
  readonly isSerialised = true;
  readonly collection: string;
  readonly isOfCalls: boolean;
  /** Written and read within transactions that do more. */
  readonly inner: SqliteDocuments;
  readonly #writes: GroupedWrites<SqliteGroupedDocuments>;

  constructor(collection: string, inner: SqliteDocuments, writes: GroupedWrites<SqliteGroupedDocuments>) {
    this.collection = collection;
    this.isOfCalls = isOfCalls(collection);
    this.inner = inner;
    this.#writes = writes;
  }

  /** The file is at hand: what is there is no guess. */
  guess(key: string): StoredDocument {
    return this.inner.stored(key);
  }

  valueOf(key: string, stored: StoredDocument): unknown {
    return this.inner.valueOf(key, stored);
  }

  async fresh(key: string): Promise<StoredDocument> {
    return this.inner.stored(key);
  }

  read<T>(key: string): T | undefined {
    return this.inner.read<T>(key);
  }

  recent(key: string): unknown {
    return this.inner.recent(key);
  }

  async update<T>(
    key: string,
    change: (old: T | undefined) => T | undefined,
    options?: UpdateOptions,
  ): Promise<T | undefined> {
    const changed = await this.#writes.update({
      documents: this,
      key,
      // The key decides the type: each machine reads only what it wrote.
      change: (old) => change(old as T | undefined),
      ttlMs: options?.ttlMs,
    });
    // As above.
    return changed as T | undefined;
  }

  list<T>(prefix: string): readonly (readonly [key: string, value: T])[] {
    return this.inner.list<T>(prefix);
  }

  watch<T>(prefix: string, watcher: DocumentWatcher<T>): () => void {
    return this.inner.watch(prefix, watcher);
  }
}
