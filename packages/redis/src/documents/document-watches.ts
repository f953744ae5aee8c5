import type { DocumentWatcher, Logger } from "@agentplane/core";

import type { FeedListener } from "./change-feed.ts";
import type { ChangeMessage } from "./change-message.ts";

interface Watch {
  readonly prefix: string;
  readonly watcher: DocumentWatcher<unknown>;
  /** What happened up to then is no news. */
  sinceRevision: number;
}

/** What telling watchers needs. */
export interface DocumentWatchesDeps {
  readonly collection: string;
  readonly logger: Logger;
  /** How often it is confirmed that nothing was missed. */
  readonly heartbeatMs: number;
  /** Reads the JSON of a document whose value was too big to be told. */
  read(key: string): Promise<string | undefined>;
}

/** Tells those who follow a collection what has changed, in the order in which it happened. */
export class DocumentWatches implements FeedListener {
  readonly collection: string;
  readonly #deps: DocumentWatchesDeps;
  #watches: readonly Watch[] = [];
  #latestRevision = 0;
  /** Set while a value is being read that was too big to be told: what comes after it waits. */
  #telling: Promise<void> | undefined;

  constructor(deps: DocumentWatchesDeps) {
    this.#deps = deps;
    this.collection = deps.collection;
  }

  /** Adds a follower; returns how it leaves. */
  add(prefix: string, watcher: DocumentWatcher<unknown>): () => void {
    const watch: Watch = { prefix, watcher, sinceRevision: this.#latestRevision };
    this.#watches = [...this.#watches, watch];
    watcher.confirmed?.(this.#deps.heartbeatMs);
    return () => {
      this.#watches = this.#watches.filter((other) => other !== watch);
    };
  }

  /** This process has written: who begins to follow after it does not hear of it. */
  note(revision: number): void {
    if (revision > this.#latestRevision) this.#latestRevision = revision;
  }

  /** A change was heard. A value that must be read first holds up those behind it. */
  changed(message: ChangeMessage): void {
    if (this.#telling === undefined && message.what !== "read") this.#tell(message, message.json);
    else void this.#tellLater(message);
  }

  confirmed(heartbeatMs: number): void {
    for (const { watcher } of this.#watches) watcher.confirmed?.(heartbeatMs);
  }

  missed(): void {
    // The server may have lost the changes that these numbers count: what comes now is news, whatever its number.
    this.#latestRevision = 0;
    for (const watch of this.#watches) watch.sinceRevision = 0;
    for (const { watcher } of this.#watches) watcher.missed?.();
  }

  /** Nobody is told of anything any more. */
  close(): void {
    this.#watches = [];
  }

  async #tellLater(message: ChangeMessage): Promise<void> {
    const before = this.#telling ?? Promise.resolve();
    const told = before.then(() => this.#tellRead(message));
    this.#telling = told;
    await told;
    if (this.#telling === told) this.#telling = undefined;
  }

  async #tellRead(message: ChangeMessage): Promise<void> {
    if (message.what !== "read") return this.#tell(message, message.json);
    if (!this.#watches.some((watch) => isNews(message, watch))) return;
    const { collection, logger, read } = this.#deps;
    try {
      this.#tell(message, await read(message.key));
    } catch (error) {
      logger.warn("a changed document could not be read; all are read again", {
        collection,
        error: textOf(error),
      });
      this.missed();
    }
  }

  #tell(message: ChangeMessage, json: string | undefined): void {
    this.note(message.revision);
    const followers = this.#watches.filter((watch) => isNews(message, watch));
    if (followers.length === 0) return;
    const isGone = message.what === "gone" || json === undefined;
    const value: unknown = isGone ? undefined : JSON.parse(json);
    for (const { watcher } of followers) {
      try {
        watcher.changed(message.key, value);
      } catch (error) {
        // It was called from the connection: thrown on, it would end the process.
        this.#deps.logger.error("a listener to a change failed", { error: textOf(error) });
      }
    }
  }
}

function isNews({ key, revision }: ChangeMessage, { prefix, sinceRevision }: Watch): boolean {
  return revision > sinceRevision && key.startsWith(prefix);
}

function textOf(error: unknown): string {
  return error instanceof Error ? error.message : "not an error";
}
