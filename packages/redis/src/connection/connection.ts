import { AgentplaneError, type Logger } from "@agentplane/core";

import type { RedisClient } from "./redis-client.ts";

/** What a connection is made of. */
export interface ConnectionDeps {
  readonly client: RedisClient;
  /** What it is for, in the log. */
  readonly purpose: string;
  readonly logger: Logger;
  /** How long the first connection may take; later nobody waits for one. */
  readonly timeoutMs: number;
}

/** A command that was certainly not sent: nothing has happened on the server. */
export class NotConnected extends AgentplaneError {
  constructor(purpose: string, cause?: unknown) {
    const why = cause instanceof Error ? `: ${cause.message}` : "";
    super("state_failed", `Redis is not connected (${purpose})${why}; it is tried again by itself`, {
      cause,
    });
  }
}

/** After so long a first attempt that has failed is told: before the 2 s after which a plane stops waiting by default. */
const FIRST_FAILURE_TOLD_MS = 1_500;

/**
 * A connection of our own: commands fail at once while it is down, none is ever sent twice, and it comes back by
 * itself. Outages are logged once, when they begin and when they end.
 */
export class Connection {
  readonly client: RedisClient;
  readonly #deps: ConnectionDeps;
  readonly #first: Promise<void>;
  #hasBeenReady = false;
  #isDown = false;
  #isClosed = false;
  #lastError: Error | undefined;

  constructor(deps: ConnectionDeps) {
    this.#deps = deps;
    this.client = deps.client;
    this.client.on("error", (error: Error) => this.#lost(error));
    this.client.on("close", () => this.#lost(undefined));
    this.client.on("ready", () => this.#back());
    this.#first = this.#firstReady();
  }

  /**
   * Works with the client, if it is connected.
   * @throws NotConnected (`state_failed`) when it is not, AgentplaneError `state_failed` for what the server refuses
   *   or leaves unanswered
   */
  async run<T>(work: (client: RedisClient) => Promise<T>): Promise<T> {
    if (this.client.status !== "ready") await this.#awaitFirst();
    try {
      return await work(this.client);
    } catch (error) {
      throw this.#explained(error);
    }
  }

  close(): void {
    this.#isClosed = true;
    this.client.disconnect();
  }

  async #awaitFirst(): Promise<void> {
    if (!this.#hasBeenReady && !this.#isClosed) await this.#first;
    if (this.client.status !== "ready") throw new NotConnected(this.#deps.purpose, this.#lastError);
  }

  #firstReady(): Promise<void> {
    if (this.client.status === "ready") {
      this.#hasBeenReady = true;
      return Promise.resolve();
    }
    const { client, timeoutMs } = this.#deps;
    return new Promise((resolve) => {
      const end = (): void => {
        for (const timer of [cap, patience]) clearTimeout(timer);
        for (const event of ["ready", "end", "error"]) client.removeListener(event, end);
        this.#hasBeenReady = true;
        resolve();
      };
      const cap = setTimeout(end, timeoutMs).unref();
      const patience = setTimeout(
        () => (this.#lastError === undefined ? client.once("error", end) : end()),
        Math.min(FIRST_FAILURE_TOLD_MS, timeoutMs),
      ).unref();
      client.once("ready", end);
      client.once("end", end);
    });
  }

  #lost(error: Error | undefined): void {
    this.#lastError = error ?? this.#lastError;
    if (this.#isDown || this.#isClosed) return;
    this.#isDown = true;
    const { logger, purpose } = this.#deps;
    logger.warn("the connection to Redis is lost; trying again", { purpose, error: error?.message });
  }

  #back(): void {
    this.#hasBeenReady = true;
    if (this.#isDown) this.#deps.logger.info("connected to Redis again", { purpose: this.#deps.purpose });
    this.#isDown = false;
  }

  #explained(error: unknown): AgentplaneError {
    if (error instanceof AgentplaneError) return error;
    const message = error instanceof Error ? error.message : "not an error";
    if (message.includes("isn't writeable") || message.includes("isn't ready"))
      return new NotConnected(this.#deps.purpose, error);
    const hint = message.startsWith("MOVED")
      ? "; this is a cluster: give a client of `new Cluster(…)` instead of a URL"
      : "";
    return new AgentplaneError("state_failed", `Redis: ${message}${hint}`, { cause: error });
  }
}
