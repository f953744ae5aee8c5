import type { Cluster, Redis } from "ioredis";

/** A client of one server (or of a Sentinel group), or of a cluster. */
export type RedisClient = Redis | Cluster;

/** Tells a client of a cluster from one of a server. */
export function isCluster(client: RedisClient): client is Cluster {
  return client.isCluster;
}
