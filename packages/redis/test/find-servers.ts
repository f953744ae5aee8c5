import { spawnSync } from "node:child_process";

import { Redis } from "ioredis";

import { REDIS_URL } from "./redis-url.ts";

/** The server's program, such as `valkey-server`. */
export const REDIS_SERVER = process.env["REDIS_SERVER"] ?? "redis-server";

/** What tests can run on. */
export interface FoundServers {
  /** The one at `REDIS_URL` answers. */
  readonly isShared: boolean;
  /** Servers of a test's own can be started. */
  readonly canStart: boolean;
}

/** Every process of a run inherits what the first has found, so that it is told once. */
const FOUND = "AGENTPLANE_TEST_REDIS";

/** Looks for servers, once per run; what is missing is one loud line. */
export async function findServers(): Promise<FoundServers> {
  const known = process.env[FOUND]?.split(" ");
  if (known !== undefined) return { isShared: known.includes("shared"), canStart: known.includes("own") };
  const found = { isShared: await answers(), canStart: spawnSync(REDIS_SERVER, ["--version"]).status === 0 };
  const missing = missingOf(found);
  // Another may have looked at the same time.
  const isTold = process.env[FOUND] !== undefined;
  process.env[FOUND] = `${found.isShared ? "shared" : ""} ${found.canStart ? "own" : ""}`;
  if (missing !== "" && !isTold && process.env["CI"] === undefined) console.warn(`SKIPPED: ${missing}`);
  return found;
}

/** Names what is missing; empty where nothing is. */
export function missingOf({ isShared, canStart }: FoundServers): string {
  const missing: string[] = [];
  if (!isShared) missing.push(`no Redis answers at ${new URL(REDIS_URL).host}: start one, or set REDIS_URL`);
  if (!canStart)
    missing.push(`no ${REDIS_SERVER} can be started: install it, or name another in REDIS_SERVER`);
  return missing.join("; ");
}

async function answers(): Promise<boolean> {
  const client = new Redis(REDIS_URL, { lazyConnect: true, retryStrategy: null, connectTimeout: 2_000 });
  client.on("error", () => undefined);
  try {
    await client.connect();
    return (await client.ping()) === "PONG";
  } catch {
    return false;
  } finally {
    client.disconnect();
  }
}
