import { andThen, isThenable, type MaybePromise } from "../base/maybe-promise.ts";
import type { Ports } from "../base/ports.ts";
import type { DocumentStore } from "../store/state-store.ts";
import { tellListener } from "./tell-listener.ts";

/** What a replica is made of. */
export interface ReplicaDeps<T> {
  readonly documents: DocumentStore;
  /** Of the keys it follows. */
  readonly prefix: string;
  readonly ports: Pick<Ports, "logger" | "timers">;
  nowMs(): number;
  /** Told of every entry that comes and goes. */
  changed(old: T | undefined, next: T | undefined): void;
}

const RETRY_MS = 1_000;

/**
 * A local copy of the documents under a prefix, kept current by subscription, so that they are read without waiting.
 * It starts by itself; until everything is read once it is stale.
 */
export class Replica<T> {
  readonly #deps: ReplicaDeps<T>;
  readonly #entries = new Map<string, T>();
  /** In force here, and not yet, or never, known to the store. */
  readonly #writing = new Set<string>();
  readonly #listeners = new Set<() => void>();
  readonly #unwatch: () => void;
  #stopRetry = (): void => undefined;
  #isLoaded = false;
  #isClosed = false;
  #confirmedMs = Number.NEGATIVE_INFINITY;
  #heartbeatMs: number | undefined;
  #revision = 0;

  constructor(deps: ReplicaDeps<T>) {
    this.#deps = deps;
    // Watched before it is read: a change in between is seen twice instead of never.
    this.#unwatch = deps.documents.watch<T>(deps.prefix, (key, value) => this.#apply(key, value));
    this.#start();
  }

  /** Grows with every change. */
  get revision(): number {
    return this.#revision;
  }

  values(): readonly T[] {
    return [...this.#entries.values()];
  }

  get(key: string): T | undefined {
    return this.#entries.get(key);
  }

  /** Called after every change. Returns the unsubscription. */
  subscribe(listener: () => void): () => void {
    this.#listeners.add(listener);
    return () => void this.#listeners.delete(listener);
  }

  /** Reads everything again, for a store whose subscription may have missed something. */
  load(): MaybePromise<void> {
    return andThen(this.#deps.documents.list<T>(this.#deps.prefix), (listed) => {
      const found = new Set(listed.map(([key]) => key));
      // Deleting from a Map while it is walked is safe.
      for (const key of this.#entries.keys()) {
        if (!found.has(key) && !this.#writing.has(key)) this.#apply(key, undefined);
      }
      for (const [key, value] of listed) this.#apply(key, value);
      this.#isLoaded = true;
      this.#confirmedMs = this.#deps.nowMs();
    });
  }

  /**
   * Notes that the store was reached and nothing was missed.
   * @param heartbeatMs How often this will be said from now on; two of it unsaid make the replica stale.
   */
  confirm(heartbeatMs: number): void {
    this.#heartbeatMs = heartbeatMs;
    this.#confirmedMs = this.#deps.nowMs();
  }

  /** Whether nothing here can become outdated by time alone. */
  get isSettled(): boolean {
    return this.#isLoaded && this.#heartbeatMs === undefined;
  }

  /** Whether what is read here may be outdated. */
  isStale(nowMs: number): boolean {
    if (!this.#isLoaded) return true;
    return this.#heartbeatMs !== undefined && nowMs - this.#confirmedMs > 2 * this.#heartbeatMs;
  }

  /** In force here at once, then everywhere: a kill does not wait for a store, nor for one that fails. */
  put(key: string, value: T): MaybePromise<void> {
    this.#apply(key, value);
    this.#writing.add(key);
    return andThen(
      this.#deps.documents.update<T>(key, () => value),
      () => void this.#writing.delete(key),
    );
  }

  /** Changes a document where it is kept; here it changes when that has succeeded. */
  update(key: string, change: (old: T | undefined) => T | undefined): MaybePromise<void> {
    return andThen(this.#deps.documents.update<T>(key, change), (next) => {
      this.#writing.delete(key);
      this.#apply(key, next);
    });
  }

  close(): void {
    this.#isClosed = true;
    this.#unwatch();
    this.#stopRetry();
    this.#listeners.clear();
  }

  #start(): void {
    try {
      const loaded = this.load();
      if (isThenable(loaded)) loaded.catch((error: unknown) => this.#retry(error));
    } catch (error) {
      this.#retry(error);
    }
  }

  #retry(error: unknown): void {
    // A read that was under way when it was closed must not start another.
    if (this.#isClosed) return;
    const { ports, prefix } = this.#deps;
    ports.logger.error("plugs and modes could not be read; trying again", { prefix, error: textOf(error) });
    this.#stopRetry = ports.timers.set(() => this.#start(), RETRY_MS);
  }

  #apply(key: string, next: T | undefined): void {
    const old = this.#entries.get(key);
    if (old === next) return;
    if (next === undefined) this.#entries.delete(key);
    else this.#entries.set(key, next);
    this.#revision++;
    this.#deps.changed(old, next);
    for (const listener of this.#listeners)
      tellListener(listener, "plugs and modes", this.#deps.ports.logger);
  }
}

function textOf(error: unknown): string {
  return error instanceof Error ? error.message : "not an error";
}
