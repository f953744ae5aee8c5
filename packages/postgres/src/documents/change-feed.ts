import type { DocumentWatcher } from "@agentplane/core";

import type { Database, Row } from "../database.ts";
import type { OwnPorts } from "../own-ports.ts";
import { keyOfBytes } from "./document-key.ts";

/** What a feed is made of. */
export interface ChangeFeedDeps {
  readonly database: Database;
  readonly ports: OwnPorts;
  /** How often the log of changes is read, in ms, whatever was notified. */
  readonly pollMs: number;
  /** Told the server's clock with every reading. */
  heard(clockMs: number): void;
  /** Called when the first watcher comes: begins to listen for notifications. */
  started(): void;
}

interface Watch {
  readonly collection: string;
  readonly prefix: string;
  readonly watcher: DocumentWatcher<unknown>;
}

/** What was read of the log. */
interface ReadLog {
  readonly head: number;
  readonly pruned: number;
  /** What stands at the revision up to which everything was told. */
  readonly toldMark: string | null;
  /** What stands at the head. */
  readonly headMark: string | null;
  readonly rows: readonly Row[];
}

/** Longer than any log; in its epoch ms nothing is older. */
const FOREVER_MS = 1e15;

/**
 * Tells watchers what changes, by reading the log of changes from where it was read last: at every notification, and at
 * intervals whether or not one came. A lost notification costs time and nothing else.
 */
export class ChangeFeed {
  readonly #deps: ChangeFeedDeps;
  #watches: readonly Watch[] = [];
  /** The revision up to which everything was told; undefined before the log was read. */
  #told: number | undefined;
  /** What stands in the log at that revision; null where it is not kept any more. */
  #mark: string | null = null;
  /** Whether every reading since then has succeeded. */
  #isCertain = false;
  #isFailing = false;
  #startedMs = 0;
  /** The latest write of this process before it followed anything. */
  #ownRevision = 0;
  /** Own writes that are newer than what the log will tell first: an older change must not come back over them. */
  readonly #written = new Map<string, number>();
  #running: Promise<void> | undefined;
  #isWanted = false;
  #isStarted = false;
  #isClosed = false;
  #readers = 0;
  #stopTimer: (() => void) | undefined;

  constructor(deps: ChangeFeedDeps) {
    this.#deps = deps;
  }

  watch(collection: string, prefix: string, watcher: DocumentWatcher<unknown>): () => void {
    const watch: Watch = { collection, prefix, watcher };
    this.#watches = [...this.#watches, watch];
    if (!this.#isStarted) {
      this.#isStarted = true;
      this.#startedMs = performance.now();
      this.#deps.started();
    }
    this.#safely(() => watcher.confirmed?.(this.#heartbeatMs));
    this.look();
    return () => {
      this.#watches = this.#watches.filter((other) => other !== watch);
    };
  }

  /** Something may have changed: reads the log, once more if it is being read already. */
  look(): void {
    this.#isWanted = true;
    if (this.#running !== undefined || this.#readers > 0 || this.#isClosed || !this.#isStarted) return;
    this.#running = this.#run();
  }

  /** Twice the interval: an answer may be slow without being lost. */
  get #heartbeatMs(): number {
    return 2 * this.#deps.pollMs;
  }

  /** Runs while the log is not read: a listing never meets changes that are older than itself, told one by one. */
  async between<T>(work: () => Promise<T>): Promise<T> {
    this.#readers++;
    try {
      await this.#running;
      return await work();
    } finally {
      this.#readers--;
      if (this.#isWanted) this.look();
    }
  }

  /** Notes a write of this process. */
  written(collection: string, key: string, revision: number): void {
    this.#ownRevision = Math.max(this.#ownRevision, revision);
    if (!this.#isStarted) return;
    if (this.#told === undefined || revision > this.#told)
      this.#written.set(nameOf(collection, key), revision);
    this.look();
  }

  close(): void {
    this.#isClosed = true;
    this.#watches = [];
    this.#stopTimer?.();
  }

  /** Never rejects. */
  async #run(): Promise<void> {
    this.#stopTimer?.();
    while (this.#isWanted && !this.#isClosed && this.#readers === 0) {
      this.#isWanted = false;
      // One reading after the other, in the order of the log.
      // oxlint-disable-next-line no-await-in-loop
      await this.#read();
    }
    this.#running = undefined;
    if (this.#isClosed) return;
    this.#stopTimer = this.#deps.ports.timers.set(() => this.look(), this.#deps.pollMs);
    if (this.#isWanted) this.look();
  }

  async #read(): Promise<void> {
    try {
      const { head, rows, ...log } = await this.#fetch();
      if (this.#isClosed) return;
      const isWhole = this.#told === undefined || this.#goesOn({ head, ...log });
      // Not whole: a log that was cut meanwhile, or that was set back with the database.
      const hasMissed = !this.#isCertain || !isWhole;
      if (isWhole) for (const row of rows) this.#tell(row);
      else this.#written.clear();
      this.#told = head;
      this.#mark = log.headMark;
      this.#isCertain = true;
      if (hasMissed) this.#each(({ watcher }) => watcher.missed?.());
      this.#each(({ watcher }) => watcher.confirmed?.(this.#heartbeatMs));
    } catch (error) {
      this.#failed(error);
    }
  }

  /**
   * Whether the log is the one that was read, and longer. After a failover to a server that lacks the last changes others
   * may have taken their revisions by now: what stood at the last one does not stand there then.
   */
  #goesOn({ head, pruned, toldMark }: Omit<ReadLog, "rows" | "headMark">): boolean {
    const told = this.#told ?? head;
    if (told < pruned || told > head) return false;
    return toldMark === this.#mark || (toldMark === null && told === pruned);
  }

  #failed(error: unknown): void {
    if (this.#isClosed) return;
    if (!this.#isFailing)
      this.#deps.ports.logger.warn("changes of plugs, modes and approvals cannot be read; trying again", {
        error: textOf(error),
      });
    this.#isFailing = true;
    this.#isCertain = false;
  }

  async #fetch(): Promise<ReadLog> {
    const { schema } = this.#deps.database;
    const mark = (revision: string): string =>
      `(SELECT concat_ws(' ', m.at_ms, m.collection, sha256(m.key), md5(m.value::text)) ` +
      `FROM "${schema}".document_change m WHERE m.revision = ${revision})`;
    // One row, and the planner is told so: by its guess of thousands it would compile the statement first, for a second.
    const text =
      `WITH h AS (SELECT revision, pruned, ${mark("$1")} AS told_mark, ${mark("o.revision")} AS head_mark ` +
      `FROM "${schema}".change_head o LIMIT 1) ` +
      `SELECT h.revision::text AS head, h.pruned::text AS pruned, told_mark, head_mark, ` +
      `"${schema}".clock_ms()::text AS clock, ` +
      `c.revision::text AS revision, c.collection, c.key, c.value::text AS json FROM h ` +
      `LEFT JOIN "${schema}".document_change c ON c.revision > $1 AND c.at_ms >= "${schema}".clock_ms() - $2 ` +
      `ORDER BY c.revision`;
    // The first time about from when the first watcher came; what that leaves out, the watchers read by themselves.
    const sinceMs = this.#told === undefined ? Math.ceil(performance.now() - this.#startedMs) : FOREVER_MS;
    const rows = await this.#deps.database.query(text, [this.#told ?? this.#ownRevision, sinceMs]);
    if (this.#isFailing) this.#deps.ports.logger.info("changes of plugs, modes and approvals are read again");
    this.#isFailing = false;
    const [first] = rows;
    if (first !== undefined) this.#deps.heard(Number(first["clock"]));
    const markIn = (column: string): string | null =>
      typeof first?.[column] === "string" ? first[column] : null;
    return {
      head: Number(first?.["head"] ?? 0),
      pruned: Number(first?.["pruned"] ?? 0),
      toldMark: markIn("told_mark"),
      headMark: markIn("head_mark"),
      rows,
    };
  }

  #tell(row: Row): void {
    if (row["revision"] === null) return;
    const collection = String(row["collection"]);
    const key = keyOfBytes(row["key"]);
    const name = nameOf(collection, key);
    const own = this.#written.get(name);
    if (own !== undefined && Number(row["revision"]) < own) return;
    this.#written.delete(name);
    const followers = this.#watches.filter(
      (watch) => watch.collection === collection && key.startsWith(watch.prefix),
    );
    if (followers.length === 0) return;
    const { json } = row;
    const value: unknown = typeof json === "string" ? JSON.parse(json) : undefined;
    for (const { watcher } of followers) this.#safely(() => watcher.changed(key, value));
  }

  #each(tell: (watch: Watch) => void): void {
    for (const watch of this.#watches) this.#safely(() => tell(watch));
  }

  /** Nobody awaits the feed: what a listener throws would end the process. */
  #safely(tell: () => void): void {
    try {
      tell();
    } catch (error) {
      this.#deps.ports.logger.error("a listener to changes failed", { error: textOf(error) });
    }
  }
}

function nameOf(collection: string, key: string): string {
  return `${collection}:${key}`;
}

function textOf(error: unknown): string {
  return error instanceof Error ? error.message : "not an error";
}
