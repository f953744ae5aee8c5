import type { DocumentWatcher } from "@agentplane/core";

import type { OwnPorts } from "../own-ports.ts";

/** What a watch by comparison needs. */
export interface PolledWatchDeps {
  /** The revision of every document under the prefix, by key. */
  revisions(): Promise<ReadonlyMap<string, string>>;
  read(key: string): Promise<unknown>;
  readonly pollMs: number;
  readonly ports: OwnPorts;
}

/**
 * Follows documents whose changes are not logged, because calls write them: looks at intervals which revisions have
 * changed. Costs a look at all of them each time, and nothing where nobody watches.
 */
export class PolledWatch {
  readonly #deps: PolledWatchDeps;
  readonly #watcher: DocumentWatcher<unknown>;
  #known: ReadonlyMap<string, string> | undefined;
  #isCertain = false;
  #isClosed = false;
  #stopTimer: (() => void) | undefined;

  constructor(deps: PolledWatchDeps, watcher: DocumentWatcher<unknown>) {
    this.#deps = deps;
    this.#watcher = watcher;
    watcher.confirmed?.(2 * deps.pollMs);
    void this.#look();
  }

  close(): void {
    this.#isClosed = true;
    this.#stopTimer?.();
  }

  /** Never rejects. */
  async #look(): Promise<void> {
    try {
      await this.#compare();
      if (this.#isClosed) return;
      if (!this.#isCertain) this.#watcher.missed?.();
      this.#isCertain = true;
      this.#watcher.confirmed?.(2 * this.#deps.pollMs);
    } catch (error) {
      // What the watcher throws comes here too: nobody awaits this, so it would end the process.
      if (this.#isCertain)
        this.#deps.ports.logger.warn("changes of documents cannot be followed; trying again", {
          error: error instanceof Error ? error.message : "not an error",
        });
      this.#isCertain = false;
    }
    if (!this.#isClosed)
      this.#stopTimer = this.#deps.ports.timers.set(() => void this.#look(), this.#deps.pollMs);
  }

  async #compare(): Promise<void> {
    const found = await this.#deps.revisions();
    const before = this.#known ?? found;
    this.#known = found;
    const changed = [...found.keys()].filter((key) => found.get(key) !== before.get(key));
    const values = await Promise.all(changed.map(async (key) => [key, await this.#deps.read(key)] as const));
    if (this.#isClosed) return;
    for (const key of before.keys()) if (!found.has(key)) this.#watcher.changed(key, undefined);
    for (const [key, value] of values) this.#watcher.changed(key, value);
  }
}
