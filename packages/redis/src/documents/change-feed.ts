import { AgentplaneError, type Logger, type Timers } from "@agentplane/core";

import { parseChange, type ChangeMessage } from "./change-message.ts";
import type { Connection } from "../connection/connection.ts";
import type { Keyspace } from "../connection/keyspace.ts";
import { isCluster } from "../connection/redis-client.ts";
import type { ServerClock } from "../connection/server-clock.ts";
import { REVISIONS } from "../lua/document-scripts.ts";

/** A collection of documents that hears of its changes. */
export interface FeedListener {
  readonly collection: string;
  changed(message: ChangeMessage): void;
  confirmed(heartbeatMs: number): void;
  missed(): void;
}

/** What a feed is made of. */
export interface ChangeFeedDeps {
  /** For this feed alone: its messages and its answers come in the order in which the server made them. */
  readonly connection: Connection;
  readonly keyspace: Keyspace;
  /** Told with every heartbeat. */
  readonly clock: Pick<ServerClock, "learn">;
  readonly timers: Timers;
  readonly logger: Logger;
  readonly heartbeatMs: number;
}

/** In a cluster a message may come over another node, hence after the count that it belongs to. */
const MESSAGE_GRACE_MS = 250;

/**
 * Hears every change of every collection. Messages may be lost, so each carries its collection's revision and the
 * one before it, and every heartbeat compares what was heard with what the server has. What is missing, what the server
 * has lost in a failover, and a new connection make the listeners read everything again.
 */
export class ChangeFeed {
  readonly #deps: ChangeFeedDeps;
  readonly #listeners: readonly FeedListener[];
  readonly #byChannel: ReadonlyMap<string, FeedListener>;
  /** What has been heard of each collection; undefined while not subscribed. */
  readonly #heard = new Map<string, number>();
  readonly #subscribed: Promise<void>;
  #tellSubscribed = (): void => undefined;
  #stopTimer: (() => void) | undefined;
  #isLive = false;
  #isClosed = false;

  constructor(deps: ChangeFeedDeps, listeners: readonly FeedListener[]) {
    this.#deps = deps;
    this.#listeners = listeners;
    this.#byChannel = new Map(listeners.map((one) => [deps.keyspace.channelOf(one.collection), one]));
    this.#subscribed = new Promise((resolve) => {
      this.#tellSubscribed = resolve;
    });
    const { client } = deps.connection;
    client.on("message", (channel: string, message: string) => this.#receive(channel, message));
    client.on("ready", () => void this.#subscribe());
    client.on("close", () => this.#lost());
    if (client.status === "ready") void this.#subscribe();
    this.#schedule();
  }

  /** Settles when every change from then on is heard. */
  get subscribed(): Promise<void> {
    return this.#subscribed;
  }

  close(): void {
    this.#isClosed = true;
    this.#stopTimer?.();
    this.#tellSubscribed();
  }

  async #subscribe(): Promise<void> {
    try {
      await this.#deps.connection.run((client) => client.subscribe(...this.#byChannel.keys()));
      const revisions = await this.#revisions();
      // Whatever happened before may have been missed; from here on everything is heard.
      for (const [listener, revision] of revisions) this.#heard.set(listener.collection, revision);
      this.#isLive = true;
      for (const listener of this.#listeners) listener.missed();
      this.#tellSubscribed();
    } catch (error) {
      this.#deps.logger.warn("the changes of plugs and modes cannot be followed; trying again", {
        error: error instanceof Error ? error.message : "not an error",
      });
    }
  }

  #lost(): void {
    if (!this.#isLive || this.#isClosed) return;
    this.#isLive = false;
    for (const listener of this.#listeners) listener.missed();
  }

  #receive(channel: string, message: string): void {
    const listener = this.#byChannel.get(channel);
    const change = parseChange(message);
    if (listener === undefined || change === undefined || this.#isClosed) return;
    const heard = this.#heard.get(listener.collection);
    if (heard !== undefined) this.#heard.set(listener.collection, change.revision);
    // One between was lost on the way, or the server has lost what was heard: told first, for it may not be news else.
    if (heard !== undefined && change.previous !== heard) listener.missed();
    listener.changed(change);
  }

  async #revisions(): Promise<readonly (readonly [FeedListener, number])[]> {
    const { connection, keyspace, clock } = this.#deps;
    const keys = this.#listeners.map(({ collection }) => keyspace.revisionOf(collection));
    const answer = await connection.run((client) => REVISIONS.run(client, keys, []));
    const [nowMs, ...counts] = Array.isArray(answer) ? answer.map(Number) : [];
    if (nowMs === undefined || counts.length !== keys.length)
      throw new AgentplaneError("state_failed", "Redis answered with something else than revisions");
    clock.learn(nowMs);
    return this.#listeners.map((listener, index) => [listener, counts[index] ?? 0]);
  }

  async #beat(): Promise<void> {
    if (!this.#isLive) {
      if (this.#deps.connection.client.status === "ready") await this.#subscribe();
      return;
    }
    const before = new Map(this.#heard);
    const revisions = await this.#revisions();
    const isBehind = ([{ collection }, revision]: readonly [FeedListener, number]): boolean =>
      // Less than was heard before it was asked: the server has lost something.
      revision > (this.#heard.get(collection) ?? 0) || revision < (before.get(collection) ?? 0);
    if (isCluster(this.#deps.connection.client) && revisions.some(isBehind))
      await new Promise<void>((resolve) => void this.#deps.timers.set(resolve, MESSAGE_GRACE_MS));
    if (!this.#isLive || this.#isClosed) return;
    for (const one of revisions) {
      const [listener, revision] = one;
      if (isBehind(one)) {
        this.#heard.set(listener.collection, revision);
        listener.missed();
      } else {
        listener.confirmed(this.#deps.heartbeatMs);
      }
    }
  }

  #schedule(): void {
    this.#stopTimer = this.#deps.timers.set(() => {
      void this.#beat()
        // The connection has logged it; unconfirmed, the replicas become stale by themselves.
        .catch(() => undefined)
        .finally(() => {
          if (!this.#isClosed) this.#schedule();
        });
    }, this.#deps.heartbeatMs);
  }
}
