import { Redis } from "ioredis";
import { afterEach, beforeEach, describe, expect, test } from "vitest";

import type { RedisState } from "../src/index.ts";
import { freshNamespace, openState } from "./open-state.ts";
import { startServer, type PrivateServer } from "./private-server.ts";
import { canStartServers } from "./servers.ts";
import { silentLogger } from "./silent-logger.ts";

describe.skipIf(!canStartServers)("a failover that loses the last writes", () => {
  let servers: readonly PrivateServer[];
  let clients: readonly Redis[];
  let old: RedisState;
  let promoted: RedisState;

  beforeEach(async () => {
    servers = await Promise.all([1, 2].map(async () => startServer(["--repl-diskless-sync-delay", "0"])));
    clients = servers.map(({ url }) => new Redis(url));
    for (const client of clients) client.on("error", () => undefined);
    const namespace = freshNamespace();
    const open = async (index: number): Promise<RedisState> =>
      openState({
        url: servers[index]?.url ?? "",
        namespace,
        heartbeatMs: 100,
        ports: { logger: silentLogger },
      });
    old = await open(0);
    await old.controls.update("before", () => 1);
    await follow(1, 0);
    // Cut off, the replica knows nothing of what comes now.
    await clients[1]?.replicaof("NO", "ONE");
    promoted = await open(1);
  });
  afterEach(async () => {
    await Promise.all([old, promoted].map(async (state) => state.close()));
    for (const client of clients) client.disconnect();
    await Promise.all(servers.map(async (server) => server.dispose()));
  });

  /** Makes one server the replica of another, and waits until it holds the same. */
  async function follow(replica: number, master: number): Promise<void> {
    await clients[replica]?.replicaof("127.0.0.1", servers[master]?.port ?? 0);
    await expect.poll(async () => clients[replica]?.info("replication")).toContain("master_link_status:up");
  }

  test("is noticed where the connection stays: what was heard is read again", async () => {
    const seen: unknown[] = [];
    let missed = 0;
    let confirmed = 0;
    old.controls.watch<unknown>("", {
      changed: (key, value) => seen.push([key, value]),
      confirmed: () => void confirmed++,
      missed: () => void missed++,
    });
    for (const key of ["a", "b", "c"]) {
      // oxlint-disable-next-line no-await-in-loop -- one after the other
      await old.controls.update(key, () => "lost");
    }
    await expect.poll(() => seen.length).toBe(3);
    expect(missed).toBe(0);
    await follow(0, 1);
    await expect.poll(() => missed, { timeout: 5_000 }).toBeGreaterThan(0);
    expect(await old.controls.list("")).toStrictEqual([["before", 1]]);
    // And then all is well again.
    const [misses, confirms] = [missed, confirmed];
    await expect.poll(() => confirmed).toBeGreaterThan(confirms + 2);
    expect(missed).toBe(misses);
  });

  test("lets nobody be deaf to the changes that come after it", async () => {
    for (let count = 0; count < 20; count++) {
      // oxlint-disable-next-line no-await-in-loop -- one after the other
      await old.controls.update("lost", () => count);
    }
    const seen: unknown[] = [];
    // It has begun to follow after twenty changes of its own, which are lost.
    old.controls.watch<unknown>("", { changed: (key, value) => seen.push([key, value]) });
    await follow(0, 1);
    await promoted.controls.update("kill", () => "now");
    await expect.poll(() => seen).toStrictEqual([["kill", "now"]]);
  });

  test("is noticed by the first change after it, before any heartbeat", async () => {
    let missed = 0;
    const patient = await openState({
      url: servers[0]?.url ?? "",
      namespace: await namespaceOf(),
      heartbeatMs: 600_000,
      ports: { logger: silentLogger },
    });
    patient.controls.watch("", { changed: () => undefined, missed: () => void missed++ });
    for (let count = 0; count < 3; count++) {
      // oxlint-disable-next-line no-await-in-loop -- one after the other
      await old.controls.update("lost", () => count);
    }
    await follow(0, 1);
    // As many changes as were lost, and one more: by number alone nothing is missing.
    for (let count = 0; count < 4; count++) {
      // oxlint-disable-next-line no-await-in-loop -- one after the other
      await promoted.controls.update("new", () => count);
    }
    await expect.poll(() => missed).toBeGreaterThan(0);
    await patient.close();
  });

  test("lets no version of a document come back: what was lost is not taken for what replaced it", async () => {
    await promoted.controls.update("doc", () => "theirs");
    await old.controls.update("doc", () => "lost");
    await follow(0, 1);
    await clients[0]?.replicaof("NO", "ONE");
    // The one that remembers what it wrote there itself must not write over what it has not seen.
    const found: unknown[] = [];
    await old.controls.update("doc", (value) => {
      found.push(value);
      return "next";
    });
    expect(found.at(-1)).toBe("theirs");
  });

  async function namespaceOf(): Promise<string> {
    const [key = ""] = (await clients[0]?.keys("{*}:revision:controls")) ?? [];
    return key.slice(1, key.indexOf("}"));
  }
});
