import { ExpiryHeap, type Expiring } from "./expiry-heap.ts";
import type { DocumentStore, DocumentWatcher, UpdateOptions } from "./state-store.ts";

/** An update makes room for itself: it forgets so many documents whose time is up. */
const FORGET_PER_UPDATE = 8;

interface Document extends Expiring {
  readonly key: string;
  value: unknown;
  /** When it is forgotten; `dueMs` may be earlier: a later write does not queue it again. */
  expiresMs: number;
}

interface Watcher {
  readonly prefix: string;
  readonly changed: (key: string, value: unknown) => void;
}

/* oxlint-disable typescript/no-unnecessary-type-parameters -- the interface lets the key decide the type */

/** Documents in this process's memory; values are kept by reference and must be treated as immutable. */
export class MemoryDocuments implements DocumentStore {
  readonly #documents = new Map<string, Document>();
  readonly #expiring = new ExpiryHeap<Document>();
  readonly #nowMs: () => number;
  #watchers: readonly Watcher[] = [];

  /** @param nowMs A time that never goes back. */
  constructor(nowMs: () => number) {
    this.#nowMs = nowMs;
  }

  /** How many documents are kept. */
  get size(): number {
    return this.#documents.size;
  }

  read<T>(key: string): T | undefined {
    const found = this.#documents.get(key);
    if (found === undefined || this.#isForgotten(found)) return undefined;
    // The key decides the type: each machine reads only what it wrote.
    return found.value as T;
  }

  update<T>(
    key: string,
    change: (old: T | undefined) => T | undefined,
    options?: UpdateOptions,
  ): T | undefined {
    const found = this.#documents.get(key);
    const nowMs = this.#nowMs();
    const isKnown = found !== undefined && found.expiresMs > nowMs;
    // The key decides the type: each machine reads only what it wrote.
    const old = isKnown ? (found.value as T) : undefined;
    const next = change(old);
    if (next === old) return old;
    if (next === undefined) {
      if (found !== undefined) this.#forget(found);
    } else {
      const document = found ?? this.#create(key);
      document.expiresMs = nowMs + (options?.ttlMs ?? Infinity);
      this.#write(document, next, nowMs);
    }
    return next;
  }

  list<T>(prefix: string): readonly (readonly [key: string, value: T])[] {
    const found: (readonly [string, T])[] = [];
    for (const document of this.#documents.values()) {
      // As in `read`.
      if (document.key.startsWith(prefix) && !this.#isForgotten(document))
        found.push([document.key, document.value as T]);
    }
    return found.toSorted(([a], [b]) => (a < b ? -1 : 1));
  }

  watch<T>(prefix: string, { changed }: DocumentWatcher<T>): () => void {
    // The prefix decides the type: a watcher asks for what it knows to be there.
    const watcher: Watcher = { prefix, changed: (key, value) => changed(key, value as T | undefined) };
    this.#watchers = [...this.#watchers, watcher];
    return () => {
      this.#watchers = this.#watchers.filter((other) => other !== watcher);
    };
  }

  /** Nobody is told of anything any more. */
  close(): void {
    this.#watchers = [];
  }

  #create(key: string): Document {
    const document: Document = { key, value: undefined, expiresMs: Infinity, dueMs: Infinity, heapIndex: -1 };
    this.#documents.set(key, document);
    return document;
  }

  #write(document: Document, value: unknown, nowMs: number): void {
    document.value = value;
    if (document.expiresMs !== Infinity) {
      this.#queue(document);
      this.#forgetDue(nowMs);
    }
    this.#tell(document.key, value);
  }

  #queue(document: Document): void {
    if (document.heapIndex === -1) {
      document.dueMs = document.expiresMs;
      this.#expiring.push(document);
    } else if (document.expiresMs < document.dueMs) {
      this.#expiring.reschedule(document, document.expiresMs);
    }
  }

  #forgetDue(nowMs: number): void {
    for (let count = 0; count < FORGET_PER_UPDATE; count++) {
      const document = this.#expiring.popDue(nowMs);
      if (document === undefined) return;
      if (document.expiresMs <= nowMs) this.#forget(document);
      else if (document.expiresMs !== Infinity) this.#queue(document);
    }
  }

  #isForgotten(document: Document): boolean {
    return document.expiresMs !== Infinity && document.expiresMs <= this.#nowMs();
  }

  #forget(document: Document): void {
    this.#expiring.remove(document);
    this.#documents.delete(document.key);
    this.#tell(document.key, undefined);
  }

  #tell(key: string, value: unknown): void {
    for (const { prefix, changed } of this.#watchers) if (key.startsWith(prefix)) changed(key, value);
  }
}
