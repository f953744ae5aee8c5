import { Client, type ClientConfig } from "pg";

import type { OwnPorts } from "../own-ports.ts";

/** What a listener is made of. */
export interface ChangeListenerDeps {
  readonly config: ClientConfig;
  readonly channel: string;
  readonly ports: OwnPorts;
  /** Something may have changed. */
  woken(): void;
}

const RETRY_MS = 1_000;

/**
 * Waits for notifications on a connection of its own. Only a hint to look at once: while it is away, or behind a pooler
 * that cannot listen, changes are found by looking at intervals.
 */
export class ChangeListener {
  readonly #deps: ChangeListenerDeps;
  #client: Client | undefined;
  #stopTimer: (() => void) | undefined;
  #isClosed = false;
  #isDown = false;

  constructor(deps: ChangeListenerDeps) {
    this.#deps = deps;
  }

  start(): void {
    if (this.#isClosed) return;
    void this.#connect();
  }

  close(): void {
    this.#isClosed = true;
    this.#stopTimer?.();
    this.#drop();
  }

  /** Never rejects. */
  async #connect(): Promise<void> {
    const { config, channel, woken } = this.#deps;
    // A pool hides its password, so that it is not printed: a copy is without it.
    const client = new Client({ ...config, password: config.password, keepAlive: true });
    this.#client = client;
    client.on("notification", () => woken());
    client.on("error", (error) => this.#lost(client, error));
    client.on("end", () => this.#lost(client, undefined));
    try {
      await client.connect();
      await client.query(`LISTEN "${channel}"`);
      // A process may end while it only waits for notifications.
      if ("unref" in client && typeof client.unref === "function") client.unref();
      if (this.#isClosed) return this.#drop();
      if (this.#isDown) this.#deps.ports.logger.info("listening for changes on PostgreSQL again");
      this.#isDown = false;
      // What was notified before it listened was not heard.
      woken();
    } catch (error) {
      this.#lost(client, error);
    }
  }

  #lost(client: Client, error: unknown): void {
    if (this.#client !== client || this.#isClosed) return;
    this.#drop();
    if (!this.#isDown)
      this.#deps.ports.logger.warn(
        "no notifications from PostgreSQL; changes are looked for at intervals instead",
        {
          error: error instanceof Error ? error.message : "the connection ended",
        },
      );
    this.#isDown = true;
    this.#stopTimer = this.#deps.ports.timers.set(() => void this.#connect(), RETRY_MS);
  }

  #drop(): void {
    const client = this.#client;
    this.#client = undefined;
    // It may be half open: nobody waits for its end, and its failure was reported.
    void client?.end().catch(() => undefined);
  }
}
