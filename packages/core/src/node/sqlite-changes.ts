import type { Logger, Timers } from "../base/ports.ts";
import type { DocumentWatcher } from "../store/state-store.ts";
import type { SqliteDatabase, SqliteRow } from "./sqlite-database.ts";
import { fromStoredKey } from "./sqlite-keys.ts";

/** What a feed of changes is made of. */
export interface SqliteChangesDeps {
  readonly database: SqliteDatabase;
  readonly ports: { readonly timers: Timers; readonly logger: Logger };
  /** How often other processes' changes are looked for. */
  readonly pollMs: number;
  /** The document as it is now. */
  read(collection: string, key: string): unknown;
  /** Called with every look, outside of transactions. */
  looked(): void;
}

interface Watch {
  readonly collection: string;
  readonly prefix: string;
  readonly watcher: DocumentWatcher<unknown>;
}

/**
 * How often watchers are told at least that nothing was missed. Longer than any pause of the event loop that an
 * application can live with: two of it unsaid stop its calls.
 */
const HEARTBEAT_MS = 2_500;
const CONFIRM_EVERY_MS = 250;
/** The log keeps so many changes; who is further behind reads everything again. */
const KEPT_CHANGES = 10_000;
const PRUNE_EVERY = 256;

/** Tells watchers every change: their own process's at once, those of other processes by a look at a counter. */
export class SqliteChanges {
  readonly #deps: SqliteChangesDeps;
  #watches: readonly Watch[] = [];
  /** Own revisions that the log still has to pass; they were told already. */
  readonly #own = new Set<number>();
  #told = 0;
  #dataVersion: unknown;
  #sinceConfirmMs = 0;
  #isFailing = false;
  #stopTimer: (() => void) | undefined;

  constructor(deps: SqliteChangesDeps) {
    this.#deps = deps;
  }

  watch(collection: string, prefix: string, watcher: DocumentWatcher<unknown>): () => void {
    const watch: Watch = { collection, prefix, watcher };
    if (this.#watches.length === 0) this.#start();
    this.#watches = [...this.#watches, watch];
    this.#safely(() => watcher.confirmed?.(HEARTBEAT_MS));
    return () => {
      this.#watches = this.#watches.filter((other) => other !== watch);
      if (this.#watches.length === 0) this.#stop();
    };
  }

  /** Notes a change, within the transaction that makes it. @returns Tells the watchers; call it once that is done. */
  note(collection: string, storedKey: string, value: unknown): () => void {
    const { database } = this.#deps;
    const { revision } = database.get(
      "INSERT INTO change (collection, key) VALUES (?, ?) RETURNING revision",
      collection,
      storedKey,
    ) as { readonly revision: number }; // As the statement says.
    if (revision % PRUNE_EVERY === 0)
      database.run("DELETE FROM change WHERE revision <= ?", revision - KEPT_CHANGES);
    return () => {
      if (this.#watches.length === 0) return;
      // Where nobody else has written in between, the log need not be read for it.
      if (revision === this.#told + 1) this.#told = revision;
      else this.#own.add(revision);
      this.#tell(collection, fromStoredKey(storedKey), value);
    };
  }

  close(): void {
    this.#watches = [];
    this.#stop();
  }

  #start(): void {
    this.#own.clear();
    this.#told = this.#head();
    this.#dataVersion = this.#versionNow();
    this.#sinceConfirmMs = Number.POSITIVE_INFINITY;
    this.#wait();
  }

  #stop(): void {
    this.#stopTimer?.();
    this.#stopTimer = undefined;
  }

  #wait(): void {
    this.#stopTimer = this.#deps.ports.timers.set(() => this.#look(), this.#deps.pollMs);
  }

  #look(): void {
    try {
      this.#deps.looked();
      const version = this.#versionNow();
      if (version !== this.#dataVersion || this.#isFailing) this.#readLog();
      // Only now: what could not be read is looked for again.
      this.#dataVersion = version;
      this.#isFailing = false;
      this.#confirm();
    } catch (error) {
      this.#fail(error);
    }
    if (this.#watches.length > 0) this.#wait();
  }

  #readLog(): void {
    const { database } = this.#deps;
    const { rows, oldest } = database.view(() => ({
      rows: database.all("SELECT revision, collection, key FROM change WHERE revision > ?", this.#told),
      oldest: Number(database.get("SELECT min(revision) AS oldest FROM change")?.["oldest"] ?? 0),
    }));
    const hasMissed = oldest > this.#told + 1;
    const changed = new Map(rows.filter((row) => this.#pass(row)).map((row) => [nameOf(row), row]));
    for (const row of changed.values()) this.#tellOf(row);
    if (!hasMissed) return;
    this.#own.clear();
    for (const { watcher } of this.#watches) this.#safely(() => watcher.missed?.());
  }

  /** @returns Whether it was another process's. */
  #pass(row: SqliteRow): boolean {
    this.#told = Number(row["revision"]);
    return !this.#own.delete(this.#told);
  }

  #tellOf(row: SqliteRow): void {
    const collection = String(row["collection"]);
    const key = fromStoredKey(row["key"]);
    if (!this.#watches.some((watch) => isFor(watch, collection, key))) return;
    // As it is now, not as it was then: an older change never comes back over a newer one.
    this.#tell(collection, key, this.#deps.read(collection, key));
  }

  #tell(collection: string, key: string, value: unknown): void {
    for (const watch of this.#watches)
      if (isFor(watch, collection, key)) this.#safely(() => watch.watcher.changed(key, value));
  }

  #confirm(): void {
    this.#sinceConfirmMs += this.#deps.pollMs;
    if (this.#sinceConfirmMs < CONFIRM_EVERY_MS) return;
    this.#sinceConfirmMs = 0;
    for (const { watcher } of this.#watches) this.#safely(() => watcher.confirmed?.(HEARTBEAT_MS));
  }

  #fail(error: unknown): void {
    if (!this.#isFailing)
      this.#deps.ports.logger.error("changes of other processes cannot be read; trying again", {
        error: textOf(error),
      });
    this.#isFailing = true;
  }

  /** Nobody awaits the feed: what a listener throws would end the process. */
  #safely(tell: () => void): void {
    try {
      tell();
    } catch (error) {
      this.#deps.ports.logger.error("a listener to changes failed", { error: textOf(error) });
    }
  }

  /** Changes when another connection has written, at the cost of no read: https://www.sqlite.org/pragma.html */
  #versionNow(): unknown {
    return this.#deps.database.get("PRAGMA data_version")?.["data_version"];
  }

  #head(): number {
    return Number(this.#deps.database.get("SELECT max(revision) AS head FROM change")?.["head"] ?? 0);
  }
}

function nameOf(row: SqliteRow): string {
  return JSON.stringify([row["collection"], row["key"]]);
}

function isFor({ collection, prefix }: Watch, of: string, key: string): boolean {
  return collection === of && key.startsWith(prefix);
}

function textOf(error: unknown): string {
  return error instanceof Error ? error.message : "not an error";
}
