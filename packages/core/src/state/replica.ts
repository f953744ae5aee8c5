import { errorText } from "../base/error-text.ts";
import { andThen, isThenable, type MaybePromise } from "../base/maybe-promise.ts";
import type { Ports } from "../base/ports.ts";
import type { DocumentStore } from "../store/state-store.ts";
import { tellListener } from "./tell-listener.ts";

/** What a replica is made of. */
export interface ReplicaDeps<T> {
  readonly documents: DocumentStore;
  /** Of the keys it follows. */
  readonly prefix: string;
  /** Its clock only counts on: how long the store was not heard of is nothing that the store could tell. */
  readonly ports: Pick<Ports, "clock" | "logger" | "timers">;
  /** Told of every entry that comes and goes. */
  changed(old: T | undefined, next: T | undefined): void;
}

const RETRY_MS = 1_000;

/**
 * A local copy of the documents under a prefix, kept current by subscription, so that they are read without waiting.
 * It starts by itself; until everything is read once it is stale, and again when the store went unheard of.
 */
export class Replica<T> {
  readonly #deps: ReplicaDeps<T>;
  readonly #entries = new Map<string, T>();
  /** In force here, and not yet, or never, known to the store. */
  readonly #writing = new Map<string, T>();
  /** One set per reading under way: the keys that changed since it began are newer than what it will find. */
  readonly #readings = new Set<Set<string>>();
  readonly #listeners = new Set<() => void>();
  readonly #unwatch: () => void;
  #stopRetry = (): void => undefined;
  #isLoaded = false;
  #isClosed = false;
  #confirmedMs = Number.NEGATIVE_INFINITY;
  #heartbeatMs: number | undefined;
  /** Grows with every report of changes that may have been missed. */
  #misses = 0;
  #missesRead = 0;
  #revision = 0;

  constructor(deps: ReplicaDeps<T>) {
    this.#deps = deps;
    // Watched before it is read: a change in between is seen twice instead of never.
    this.#unwatch = deps.documents.watch<T>(deps.prefix, {
      changed: (key, value) => this.#hear(key, value),
      confirmed: (heartbeatMs) => this.confirm(heartbeatMs),
      missed: () => this.#miss(),
    });
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
    const reading = {
      misses: this.#misses,
      beganMs: this.#deps.ports.clock.elapsedMs(),
      newer: new Set<string>(),
    };
    this.#readings.add(reading.newer);
    const done = (): void => void this.#readings.delete(reading.newer);
    try {
      const listed = this.#deps.documents.list<T>(this.#deps.prefix);
      if (isThenable(listed)) return listed.then((found) => this.#take(found, reading)).finally(done);
      this.#take(listed, reading);
    } catch (error) {
      done();
      throw error;
    }
    done();
  }

  /**
   * Notes that the store was reached and nothing was missed.
   * @param heartbeatMs How often this will be said from now on; two of it unsaid make the replica stale.
   */
  confirm(heartbeatMs: number): void {
    this.#heartbeatMs = heartbeatMs;
    // What was missed before stays unknown until it is read.
    if (this.#missesRead === this.#misses) this.#confirmedMs = this.#deps.ports.clock.elapsedMs();
  }

  /** Whether what is read here may be outdated. */
  isStale(): boolean {
    if (!this.#isLoaded) return true;
    if (this.#heartbeatMs === undefined) return false;
    return this.#deps.ports.clock.elapsedMs() - this.#confirmedMs > 2 * this.#heartbeatMs;
  }

  /** In force here at once, then everywhere: a kill does not wait for a store, nor for one that fails. */
  put(key: string, value: T): MaybePromise<void> {
    this.#apply(key, value);
    this.#writing.set(key, value);
    return this.#write(key, value);
  }

  /** Changes a document where it is kept; here it changes when that has succeeded. */
  update(key: string, change: (old: T | undefined) => T | undefined): MaybePromise<void> {
    return andThen(this.#deps.documents.update<T>(key, change), (next) => {
      this.#writing.delete(key);
      this.#hear(key, next);
    });
  }

  close(): void {
    this.#isClosed = true;
    this.#unwatch();
    this.#stopRetry();
    this.#listeners.clear();
  }

  #write(key: string, value: T): MaybePromise<void> {
    return andThen(
      this.#deps.documents.update<T>(key, () => value),
      () => {
        if (this.#writing.get(key) === value) this.#writing.delete(key);
      },
    );
  }

  #miss(): void {
    this.#misses++;
    this.#stopRetry();
    this.#start();
  }

  #start(): void {
    try {
      const loaded = andThen(this.load(), () => this.#writeAgain());
      if (isThenable(loaded)) loaded.catch((error: unknown) => this.#retry(error));
    } catch (error) {
      this.#retry(error);
    }
  }

  /** What is in force here although the store did not take it reaches the others once the store is back. */
  #writeAgain(): MaybePromise<void> {
    let written: MaybePromise<void> = undefined;
    for (const [key, value] of this.#writing) written = andThen(written, () => this.#write(key, value));
    return written;
  }

  #retry(error: unknown): void {
    // A read that was under way when it was closed must not start another.
    if (this.#isClosed) return;
    const { ports, prefix } = this.#deps;
    ports.logger.error("plugs and modes could not be read; trying again", {
      prefix,
      error: errorText(error),
    });
    this.#stopRetry();
    this.#stopRetry = ports.timers.set(() => this.#start(), RETRY_MS);
  }

  #take(
    listed: readonly (readonly [key: string, value: T])[],
    reading: { readonly misses: number; readonly beganMs: number; readonly newer: ReadonlySet<string> },
  ): void {
    const found = new Set(listed.map(([key]) => key));
    const isKept = (key: string): boolean => reading.newer.has(key) || this.#writing.has(key);
    // Deleting from a Map while it is walked is safe.
    for (const key of this.#entries.keys()) if (!found.has(key) && !isKept(key)) this.#apply(key, undefined);
    for (const [key, value] of listed) if (!isKept(key)) this.#apply(key, value);
    this.#isLoaded = true;
    this.#missesRead = Math.max(this.#missesRead, reading.misses);
    this.#confirmedMs = Math.max(this.#confirmedMs, reading.beganMs);
  }

  /** From the store, while a reading may be under way that does not know it yet. */
  #hear(key: string, next: T | undefined): void {
    for (const newer of this.#readings) newer.add(key);
    this.#apply(key, next);
  }

  #apply(key: string, next: T | undefined): void {
    const old = this.#entries.get(key);
    if (isSame(old, next)) return;
    if (next === undefined) this.#entries.delete(key);
    else this.#entries.set(key, next);
    this.#revision++;
    this.#deps.changed(old, next);
    for (const listener of this.#listeners)
      tellListener(listener, "plugs and modes", this.#deps.ports.logger);
  }
}

/** A store outside this process gives a new copy of what has not changed. */
function isSame(old: unknown, next: unknown): boolean {
  if (old === next) return true;
  return old !== undefined && next !== undefined && JSON.stringify(old) === JSON.stringify(next);
}
