import { Redis, type RedisOptions } from "ioredis";

import { isCluster, type RedisClient } from "./redis-client.ts";

const MAX_RETRY_DELAY_MS = 1_000;

/**
 * Opens a connection of our own. A client that is given only lends its settings (addresses, TLS, password): what it
 * would queue or send again by itself, a ledger must not.
 * @param from A client of the application, or a URL.
 * @param timeoutMs After this long without an answer a command fails, and the connection is made anew.
 */
export function openClient(from: RedisClient | string, timeoutMs: number): RedisClient {
  const options = ownOptions(timeoutMs);
  if (typeof from === "string") return new Redis(from, options);
  if (!isCluster(from)) return from.duplicate(options);
  const { options: cluster } = from;
  return from.duplicate([], {
    ...cluster,
    keyPrefix: "",
    enableOfflineQueue: false,
    enableAutoPipelining: false,
    lazyConnect: false,
    scaleReads: "master",
    clusterRetryStrategy: retryDelayMs,
    redisOptions: { ...cluster.redisOptions, ...options },
  });
}

function ownOptions(timeoutMs: number): Omit<RedisOptions, "replyMapping"> & { replyMapping: "legacy" } {
  return {
    keyPrefix: "",
    // With the third protocol a connection that is subscribed still answers commands; Redis 6 and later know it.
    protocol: 3,
    replyMapping: "legacy",
    stringNumbers: false,
    lazyConnect: false,
    enableAutoPipelining: false,
    // Fail at once while there is no connection, and never send twice what may have been done.
    enableOfflineQueue: false,
    autoResendUnfulfilledCommands: false,
    maxRetriesPerRequest: 0,
    commandTimeout: timeoutMs,
    socketTimeout: timeoutMs,
    connectTimeout: timeoutMs,
    retryStrategy: retryDelayMs,
    // After a failover the old master only reads.
    reconnectOnError: (error) => error.message.startsWith("READONLY"),
  };
}

function retryDelayMs(times: number): number {
  return Math.min(MAX_RETRY_DELAY_MS, 50 * 2 ** Math.min(times - 1, 10));
}
