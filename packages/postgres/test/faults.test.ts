import { setTimeout } from "node:timers/promises";

import type { LimitSpec, StateStore } from "@agentplane/core";
import { Client } from "pg";
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";

import { postgresState } from "../src/postgres-state.ts";
import { PrivateServer } from "./private-server.ts";
import { QUIET } from "./server.ts";
import { canStartServers } from "./servers.ts";

const BUDGET: LimitSpec = {
  key: "budget",
  measure: "tokens",
  limit: 1_000_000,
  window: { kind: "lifetime" },
};
const LONG_MS = 600_000;
const TIMEOUT_MS = 1_000;

describe.skipIf(!canStartServers)("a server that fails", () => {
  let server: PrivateServer;
  let schema = "";
  let store: StateStore;
  const open = (timeoutMs = TIMEOUT_MS): StateStore =>
    postgresState({ connectionString: server.url, schema, timeoutMs, pollMs: 100, ports: { logger: QUIET } });
  const reserve = async (id: string, amount = 10): Promise<{ readonly isGranted: boolean }> =>
    store.ledger.reserve({
      id,
      ttlMs: LONG_MS,
      items: [{ spec: BUDGET, amount, isSoft: false, expired: "charge" }],
    });
  const settle = async (id: string, amount: number): Promise<void> => store.ledger.settle(id, [amount]);

  beforeAll(async () => {
    server = await PrivateServer.create();
  }, 60_000);
  afterAll(() => server.destroy());
  beforeEach(async () => {
    server.resume();
    schema = `s${Math.random().toString(36).slice(2)}`;
    store = open();
    const isWarm = (): Promise<boolean> =>
      reserve("warm")
        .then(({ isGranted }) => isGranted)
        .catch(() => false);
    // oxlint-disable-next-line no-await-in-loop -- installing may take longer than a call may
    while (!(await isWarm())) await setTimeout(50);
    await store.ledger.release("warm");
    return async () => store.close();
  });

  test("stopped: fails at once, and works again by itself when it is back", async () => {
    await reserve("a");
    await server.stop();
    const began = performance.now();
    await expect(reserve("b")).rejects.toMatchObject({ code: "state_failed" });
    await expect(store.controls.read("x")).rejects.toMatchObject({ code: "state_failed" });
    await expect(store.ledger.settle("a", [7])).rejects.toMatchObject({ code: "state_failed" });
    // Whichever waits for its deadline takes as long alone.
    expect(performance.now() - began).toBeLessThan(TIMEOUT_MS);
    await server.start();
    // The end that did not reach it is told by itself.
    await expect
      .poll(() => store.ledger.read(BUDGET), { timeout: 5_000 })
      .toMatchObject({ used: 7, held: 0 });
    expect((await reserve("b")).isGranted).toBe(true);
  });

  test("restarted between two calls: the second is none the wiser", async () => {
    await store.close();
    // Not about the deadline: whoever comes first after a start may wait for a connection.
    store = open(5_000);
    await Promise.all(Array.from({ length: 20 }, (_, index) => reserve(`warm ${index}`)));
    await server.stop();
    await server.start();
    expect((await reserve("after")).isGranted).toBe(true);
  });

  test("paused: fails within its deadline, and what was sent meanwhile holds nothing afterwards", async () => {
    await reserve("before");
    server.pause();
    const began = performance.now();
    const lost = await Promise.allSettled(Array.from({ length: 50 }, (_, index) => reserve(`lost ${index}`)));
    expect(lost.map(({ status }) => status)).not.toContain("fulfilled");
    // One deadline for all of them, and what a busy machine adds; not one after another.
    expect(performance.now() - began).toBeLessThan(2 * TIMEOUT_MS);
    server.resume();
    await expect
      .poll(() => store.ledger.read(BUDGET), { timeout: 8_000 })
      .toMatchObject({ used: 0, held: 10 });
    await setTimeout(1_000);
    expect(await store.ledger.read(BUDGET)).toMatchObject({ used: 0, held: 10 });
  });

  test("one connection that hangs: an end that wakes up late does not end a call made again meanwhile", async () => {
    await reserve("again");
    const client = new Client({ connectionString: server.url });
    await client.connect();
    const { rows } = await client.query(
      "SELECT pid FROM pg_stat_activity WHERE application_name = 'agentplane'",
    );
    for (const { pid } of rows) process.kill(pid, "SIGSTOP");
    await expect(store.ledger.release("again")).rejects.toMatchObject({ code: "state_failed" });
    expect((await reserve("again")).isGranted).toBe(true);
    for (const { pid } of rows) process.kill(pid, "SIGCONT");
    await setTimeout(500);
    expect(await store.ledger.read(BUDGET)).toMatchObject({ used: 0, held: 10 });
    await settle("again", 4);
    expect(await store.ledger.read(BUDGET)).toMatchObject({ used: 4, held: 0 });
    await client.end();
  });

  test("one connection that hangs: what it does when it wakes up comes too late", async () => {
    const client = new Client({ connectionString: server.url });
    await client.connect();
    const { rows } = await client.query(
      "SELECT pid FROM pg_stat_activity WHERE application_name = 'agentplane'",
    );
    for (const { pid } of rows) process.kill(pid, "SIGSTOP");
    await expect(reserve("hangs")).rejects.toMatchObject({ code: "state_failed" });
    // Told over another connection, when the request can no longer be taken.
    await setTimeout(1_500);
    for (const { pid } of rows) process.kill(pid, "SIGCONT");
    await setTimeout(500);
    expect(await store.ledger.read(BUDGET)).toMatchObject({ used: 0, held: 0 });
    await client.end();
  });

  /** Breaks every connection, as a network does, under statements that run. */
  const cut = async (): Promise<void> => {
    const client = new Client({ connectionString: server.url });
    await client.connect();
    for (let times = 0; times < 20; times++) {
      // oxlint-disable no-await-in-loop -- again and again, while calls go on
      await client.query(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'agentplane'",
      );
      await setTimeout(10);
      // oxlint-enable no-await-in-loop
    }
    await client.end();
  };

  test.each(["crash", "stop", "cut"] as const)(
    "%s in the middle of 200 calls: everything is charged once",
    async (fault) => {
      let spent = 0;
      let lost = 0;
      const call = async (index: number): Promise<void> => {
        for (let round = 0; round < 5; round++) {
          const id = `call ${index} ${round}`;
          // oxlint-disable-next-line no-await-in-loop -- one after the other
          const granted = await reserve(id).then(
            ({ isGranted }) => isGranted,
            () => {
              lost++;
              return false;
            },
          );
          if (granted) spent += 3;
          // oxlint-disable-next-line no-await-in-loop -- as above
          if (granted) await settle(id, 3).catch(() => undefined);
          // oxlint-disable-next-line no-await-in-loop -- as above
          else await setTimeout(100);
        }
      };
      const calls = Promise.all(Array.from({ length: 200 }, (_, index) => call(index)));
      await setTimeout(40);
      if (fault === "cut") await cut();
      else {
        await server[fault]();
        await server.start();
      }
      await calls;
      // Statements on connections that broke are told again by themselves: of those nobody may hear.
      expect(Math.min(spent, fault === "cut" ? 1 : lost)).toBeGreaterThan(0);
      await expect
        .poll(() => store.ledger.read(BUDGET), { timeout: 10_000 })
        .toMatchObject({ used: spent, held: 0 });
    },
  );

  test("a lost change feed says so and finds what changed meanwhile", async () => {
    const seen: unknown[] = [];
    let missed = 0;
    let confirmed = 0;
    const unwatch = store.controls.watch("", {
      changed: (key, value) => seen.push([key, value]),
      missed: () => missed++,
      confirmed: () => confirmed++,
    });
    await expect.poll(() => confirmed).toBeGreaterThan(1);
    const atStart = missed;
    await server.stop();
    await setTimeout(300);
    const before = confirmed;
    await setTimeout(300);
    expect(confirmed).toBe(before);
    await server.start();
    const other = open();
    await other.controls.update("kill", () => ({ by: "operator" }));
    await other.close();
    await expect.poll(() => seen, { timeout: 5_000 }).toEqual([["kill", { by: "operator" }]]);
    expect(missed).toBeGreaterThan(atStart);
    unwatch();
  });
});
