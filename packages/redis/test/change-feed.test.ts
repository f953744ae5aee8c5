/* oxlint-disable no-await-in-loop -- what happens one after the other is what is tested */
import { Redis } from "ioredis";
import { afterEach, beforeEach, describe, expect, test } from "vitest";

import type { RedisState } from "../src/index.ts";
import { freshNamespace, openState, pause } from "./open-state.ts";
import { startServer, type PrivateServer } from "./private-server.ts";
import { canStartServers } from "./servers.ts";
import { silentLogger } from "./silent-logger.ts";

const HEARTBEAT_MS = 100;

describe.skipIf(!canStartServers)("changes of documents", () => {
  let server: PrivateServer;
  let client: Redis;
  let namespace: string;
  let writer: RedisState;
  let reader: RedisState;
  let seen: (readonly [string, unknown])[];
  let confirmed: number;
  let missed: number;

  beforeEach(async () => {
    server = await startServer();
    client = new Redis(server.url);
    client.on("error", () => undefined);
    namespace = freshNamespace();
    const options = { url: server.url, namespace, heartbeatMs: HEARTBEAT_MS };
    [writer, reader] = (await Promise.all(
      [1, 2].map(() => openState({ ...options, ports: { logger: silentLogger } })),
    )) as [RedisState, RedisState];
    [seen, confirmed, missed] = [[], 0, 0];
    reader.controls.watch<unknown>("", {
      changed: (key, value) => seen.push([key, value]),
      confirmed: () => void confirmed++,
      missed: () => void missed++,
    });
  });
  afterEach(async () => {
    await Promise.all([writer.close(), reader.close()]);
    client.disconnect();
    await server.dispose();
  });

  test("are heard in order, also those too big to be told", async () => {
    const big = "x".repeat(20_000);
    await writer.controls.update("a", () => big);
    await writer.controls.update("b", () => 1);
    await writer.controls.update("b", () => undefined);
    await expect
      .poll(() => seen)
      .toEqual([
        ["a", big],
        ["b", 1],
        ["b", undefined],
      ]);
    expect(missed).toBe(0);
  });

  test("are confirmed at every heartbeat while nothing is missed", async () => {
    const beats = async (): Promise<void> => {
      const before = confirmed;
      await expect.poll(() => confirmed).toBeGreaterThanOrEqual(before + 3);
    };
    await beats();
    await writer.controls.update("a", () => 1);
    await beats();
    expect(missed).toBe(0);
  });

  test("a message that was lost on the way is noticed by the next heartbeat", async () => {
    // The server has counted a change that nobody was told of.
    await client.incr(`{${namespace}}:revision:controls`);
    await expect.poll(() => missed).toBeGreaterThan(0);
  });

  test("a message after a lost one tells at once that one is missing", async () => {
    const slow = await openState({ url: server.url, namespace, heartbeatMs: 600_000 });
    let misses = 0;
    const keys: string[] = [];
    slow.controls.watch("", { changed: (key) => keys.push(key), missed: () => void misses++ });
    await writer.controls.update("a", () => 1);
    await client.incr(`{${namespace}}:revision:controls`);
    await writer.controls.update("b", () => 2);
    await expect.poll(() => keys).toEqual(["a", "b"]);
    expect(misses).toBe(1);
    await slow.close();
  });

  test("a connection that is cut means that everything is read again, and then goes on", async () => {
    await client.call("CLIENT", "KILL", "TYPE", "pubsub");
    await expect.poll(() => missed).toBeGreaterThanOrEqual(2);
    confirmed = 0;
    await expect.poll(() => confirmed).toBeGreaterThan(0);
    await writer.controls.update("after", () => 1);
    await expect.poll(() => seen).toEqual([["after", 1]]);
  });

  test("nothing is confirmed while the server is paused, and everything is read again after it", async () => {
    const options = { url: server.url, namespace, heartbeatMs: HEARTBEAT_MS, timeoutMs: 500 };
    const hasty = await openState({ ...options, ports: { logger: silentLogger } });
    let [confirms, misses] = [0, 0];
    hasty.controls.watch("", {
      changed: () => undefined,
      confirmed: () => void confirms++,
      missed: () => void misses++,
    });
    server.pause();
    await pause(2 * HEARTBEAT_MS);
    confirms = 0;
    await pause(8 * HEARTBEAT_MS);
    expect(confirms).toBe(0);
    server.resume();
    await expect.poll(() => confirms, { timeout: 5_000 }).toBeGreaterThan(0);
    expect(misses).toBeGreaterThan(0);
    await hasty.close();
  });

  test("a server that has forgotten everything is noticed", async () => {
    await writer.controls.update("a", () => 1);
    await expect.poll(() => seen.length).toBe(1);
    await client.flushall();
    await expect.poll(() => missed).toBeGreaterThan(0);
  });
});
