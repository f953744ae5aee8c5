import type { Socket } from "node:net";

import type { LimitSpec, StateStore } from "@agentplane/core";
import { Pool, type PoolClient } from "pg";
import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";

import { Tidy } from "../src/tidy.ts";
import { Database } from "../src/database.ts";
import { ownPorts } from "../src/own-ports.ts";
import { QUIET, TestSchema } from "./server.ts";
import { DATABASE_URL } from "./find-servers.ts";
import { hasServer } from "./servers.ts";

const HOUR_MS = 3_600_000;

function tokens(key: string, limit = 1_000_000): LimitSpec {
  return { key, measure: "tokens", limit, window: { kind: "sliding", windowMs: HOUR_MS } };
}

describe.skipIf(!hasServer)("the ledger in PostgreSQL", () => {
  const schema = new TestSchema();
  const store = schema.open();
  const second = schema.open();
  const count = async (table: string): Promise<number> =>
    (await schema.pool.query(`SELECT count(*)::int AS count FROM "${schema.name}".${table}`)).rows[0].count;

  beforeAll(async () => void (await store.controls.read("installs")));
  afterEach(() => schema.empty());
  afterAll(async () => {
    await store.close();
    await second.close();
    await schema.drop();
  });

  test("limits taken in opposite orders never wait for each other in a circle", async () => {
    const before = await deadlocks();
    const keys = Array.from({ length: 6 }, (_, index) => `limit ${index}`);
    const calls = Array.from({ length: 300 }, async (_, index) => {
      const order = index % 2 === 0 ? keys : keys.toReversed();
      const items = order.map((key) => ({
        spec: tokens(key),
        amount: 1,
        isSoft: false,
        expired: "charge" as const,
      }));
      const { ledger } = index % 3 === 0 ? second : store;
      expect((await ledger.reserve({ id: `call ${index}`, ttlMs: 60_000, items })).isGranted).toBe(true);
      await ledger.settle(`call ${index}`, []);
    });
    await Promise.all(calls);
    const states = await Promise.all(keys.map(async (key) => store.ledger.read(tokens(key))));
    for (const state of states) expect(state).toMatchObject({ used: 300, held: 0 });
    expect(await deadlocks()).toBe(before);
  });

  test("read-only after a failover: connections to the old server do not come back into the pool", async () => {
    const pool = new Pool({ connectionString: DATABASE_URL, max: 2 });
    const demoted = schema.open({ pool });
    await demoted.ledger.read(tokens("budget"));
    // Those there are lead to a server that was demoted; new ones, to the one that was promoted.
    const clients = await Promise.all([1, 2].map(async () => pool.connect()));
    await Promise.all(clients.map(async (client) => client.query("SET default_transaction_read_only = on")));
    for (const client of clients) client.release();
    const items = [{ spec: tokens("budget"), amount: 10, isSoft: false, expired: "charge" }] as const;
    expect(await demoted.ledger.reserve({ id: "a", ttlMs: 60_000, items })).toMatchObject({
      isGranted: true,
    });
    await demoted.controls.update("kill", () => 1);
    expect(await store.controls.read("kill")).toBe(1);
    await demoted.close();
    await pool.end();
  });

  test("a refusal, a probe and a look leave no trace", async () => {
    const request = {
      id: "a",
      ttlMs: 1_000,
      items: [{ spec: tokens("none", 0), amount: 1, isSoft: false, expired: "charge" as const }],
    };
    expect((await store.ledger.reserve(request)).isGranted).toBe(false);
    await store.ledger.probe(request);
    await store.ledger.read(tokens("other"));
    await store.ledger.reset("another");
    expect(await count("limit_cell")).toBe(0);
    expect(await count("held_item")).toBe(0);
  });

  test("counts exactly up to the largest whole number there is, and refuses beyond what a server can", async () => {
    const spec = tokens("vast", Number.MAX_SAFE_INTEGER);
    const items = (amount: number) => [{ spec, amount, isSoft: false, expired: "charge" as const }];
    expect(
      (await store.ledger.reserve({ id: "a", ttlMs: 60_000, items: items(Number.MAX_SAFE_INTEGER - 1) }))
        .isGranted,
    ).toBe(true);
    const others = await Promise.all(
      ["b", "c", "d"].map(async (id) => store.ledger.reserve({ id, ttlMs: 60_000, items: items(1) })),
    );
    expect(others.filter(({ isGranted }) => isGranted)).toHaveLength(1);
    expect((await store.ledger.read(spec)).held).toBe(Number.MAX_SAFE_INTEGER);
  });

  test("one operation that cannot be does not take others of its statement with it", async () => {
    const odd: LimitSpec = {
      ...tokens("zone"),
      window: { kind: "calendar", unit: "day", timeZone: "Mars/Olympus" },
    };
    const good = Array.from({ length: 40 }, async (_, index) =>
      store.ledger.reserve({
        id: `g${index}`,
        ttlMs: 9_000,
        items: [{ spec: tokens("good"), amount: 1, isSoft: false, expired: "charge" }],
      }),
    );
    const bad = store.ledger.reserve({
      id: "bad",
      ttlMs: 9_000,
      items: [{ spec: odd, amount: 1, isSoft: false, expired: "charge" }],
    });
    await expect(bad).rejects.toMatchObject({
      code: "state_failed",
      message: expect.stringContaining("Mars/Olympus"),
    });
    expect((await Promise.all(good)).every(({ isGranted }) => isGranted)).toBe(true);
  });

  describe("an admission that waits for a document of its call", () => {
    const items = [{ spec: tokens("budget"), amount: 5, isSoft: false, expired: "charge" }] as const;
    const change = { collection: "sessions", key: "s", change: () => ({ is: "mine" }) } as const;
    const under = async (condition: string): Promise<number | null> => {
      const text = `SELECT FROM pg_stat_activity WHERE ${condition} AND query LIKE $1`;
      return (await schema.pool.query(text, [`%"${schema.name}"."admit_group"%`])).rowCount;
    };
    /** @returns What lets it go on. */
    const begin = async (of: StateStore): Promise<readonly [Promise<unknown>, () => Promise<void>]> => {
      await of.sessions.update("s", () => ({ is: "there" }));
      await of.ledger.read(tokens("budget"));
      const other = await schema.pool.connect();
      await other.query("BEGIN");
      await other.query(`SELECT FROM "${schema.name}".document FOR UPDATE`);
      const admitting = of.admit?.({ reserve: { id: "call", ttlMs: 60_000, items }, changes: [change] });
      const answer = Promise.resolve(admitting).catch(() => "lost");
      await expect.poll(async () => under("wait_event_type = 'Lock'"), { interval: 5 }).toBe(1);
      const goOn = async (): Promise<void> => {
        await other.query("COMMIT");
        other.release();
        await expect.poll(async () => under("state = 'active'"), { interval: 5 }).toBe(0);
      };
      return [answer, goOn];
    };

    test("is ended after it, by an end that came while it waited", async () => {
      const [answer, goOn] = await begin(store);
      const ended = store.ledger.release("call");
      // An end that does not wait has been done by then.
      await store.ledger.read(tokens("budget"));
      await store.ledger.read(tokens("budget"));
      await goOn();
      expect(await answer).toEqual({ isAdmitted: true });
      await ended;
      expect(await store.ledger.read(tokens("budget"))).toMatchObject({ used: 0, held: 0 });
    });

    test("and whose connection breaks is given back when it was done after all, though its end found nothing", async () => {
      const pool = new Pool({ connectionString: DATABASE_URL });
      let latest: PoolClient | undefined;
      pool.on("acquire", (client) => (latest = client));
      const cut = schema.open({
        pool,
        timeoutMs: 1_000,
        pollMs: 3_600_000,
        tidyMs: 3_600_000,
        listen: false,
      });
      const [answer, goOn] = await begin(cut);
      // The driver's types do not name its socket.
      (latest as unknown as { connection: { stream: Socket } }).connection.stream.destroy();
      expect(await answer).toBe("lost");
      await cut.ledger.release("call");
      await goOn();
      await expect
        .poll(async () => (await store.ledger.read(tokens("budget"))).held, { timeout: 10_000 })
        .toBe(0);
      await cut.close();
      await pool.end();
    });
  });

  test("forgets limits in which nothing lives, and no others", async () => {
    const database = new Database({
      pool: schema.pool,
      ownsPool: false,
      schema: schema.name,
      timeoutMs: 5_000,
      ports: ownPorts({ logger: QUIET }),
    });
    const tidy = new Tidy(database, HOUR_MS, ownPorts({ logger: QUIET }));
    const hold = async (id: string, spec: LimitSpec): Promise<unknown> =>
      store.ledger.reserve({
        id,
        ttlMs: 60_000,
        items: [{ spec, amount: 1, isSoft: false, expired: "charge" }],
      });
    await hold("idle", tokens("idle"));
    await store.ledger.release("idle");
    await hold("held", tokens("held"));
    await hold("used", tokens("used"));
    await store.ledger.settle("used", []);
    await store.ledger.grant(tokens("granted"), 5);
    await tidy.round();
    const { rows } = await schema.pool.query(`SELECT name FROM "${schema.name}".limit_cell ORDER BY 1`);
    expect(rows.map(({ name }) => name)).toEqual(["granted", "held", "used"]);
    tidy.close();
    await database.close();
  });

  test("an hour in which the server's clock went back neither refills nor frees", async () => {
    const spec = tokens("clock", 10);
    const hold = async (id: string, amount: number): Promise<boolean> =>
      (
        await store.ledger.reserve({
          id,
          ttlMs: 600_000,
          items: [{ spec, amount, isSoft: false, expired: "charge" }],
        })
      ).isGranted;
    expect(await hold("a", 10)).toBe(true);
    await store.ledger.settle("a", []);
    await schema.pool.query(`UPDATE "${schema.name}".limit_cell SET seen_ms = seen_ms + ${HOUR_MS / 2}`);
    expect(await hold("b", 1)).toBe(false);
    await schema.pool.query(`UPDATE "${schema.name}".limit_cell SET seen_ms = seen_ms + ${2 * HOUR_MS}`);
    expect(await hold("b", 1)).toBe(true);
  });

  async function deadlocks(): Promise<number> {
    const { rows } = await schema.pool.query(
      "SELECT deadlocks::int AS count FROM pg_stat_database WHERE datname = current_database()",
    );
    return rows[0].count;
  }
});
