import type { Database } from "./database.ts";
import { FOLLOWED } from "./documents/followed.ts";
import type { OwnPorts } from "./own-ports.ts";

const AT_ONCE = 500;
/** Longer than any process goes without reading the log of changes; one that did reads everything again. */
const KEEP_CHANGES_MS = 3_600_000;

/** Forgets at intervals what has no effect any more: idle limits, documents whose time is up, old changes. */
export class Tidy {
  readonly #database: Database;
  readonly #ports: OwnPorts;
  readonly #everyMs: number;
  #after = Buffer.alloc(0);
  #stopTimer: (() => void) | undefined;
  #isClosed = false;

  /** @param everyMs How often, in ms; every process does a share. */
  constructor(database: Database, everyMs: number, ports: OwnPorts) {
    this.#database = database;
    this.#ports = ports;
    this.#everyMs = everyMs;
    this.#schedule();
  }

  close(): void {
    this.#isClosed = true;
    this.#stopTimer?.();
  }

  /** One round; nothing depends on it for being right. */
  async round(): Promise<void> {
    await this.#database.call("tidy_documents", [FOLLOWED, AT_ONCE, KEEP_CHANGES_MS]);
    const last = await this.#database.call("tidy_ledger", [this.#after, AT_ONCE]);
    this.#after = last instanceof Uint8Array ? Buffer.from(last) : Buffer.alloc(0);
  }

  #schedule(): void {
    if (this.#isClosed) return;
    // Spread: processes that started together do not all come at once.
    this.#stopTimer = this.#ports.timers.set(() => void this.#tick(), this.#everyMs * (0.5 + Math.random()));
  }

  async #tick(): Promise<void> {
    try {
      await this.round();
    } catch (error) {
      if (!this.#isClosed)
        this.#ports.logger.warn("PostgreSQL could not be tidied; trying again later", {
          error: error instanceof Error ? error.message : "not an error",
        });
    }
    this.#schedule();
  }
}
