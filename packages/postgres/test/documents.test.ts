import { setTimeout } from "node:timers/promises";

import * as fc from "fast-check";
import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";

import { Database } from "../src/database.ts";
import { ownPorts } from "../src/own-ports.ts";
import { Tidy } from "../src/tidy.ts";
import { QUIET, TestSchema } from "./server.ts";
import { hasServer } from "./servers.ts";

describe.skipIf(!hasServer)("documents in PostgreSQL", () => {
  const schema = new TestSchema();
  const store = schema.open();
  const second = schema.open();

  beforeAll(async () => void (await store.controls.read("installs")));
  afterEach(() => schema.empty());
  afterAll(async () => {
    await store.close();
    await second.close();
    await schema.drop();
  });

  test("lists exactly what begins with a prefix, for keys and prefixes of any Unicode and length", async () => {
    const part = fc.constantFrom(
      "a",
      "%",
      "_",
      "\\",
      "\u0000",
      "é",
      "e\u0301",
      "\u{10FFFF}",
      "\uFFFF",
      "ש",
      "🦀",
      "x".repeat(300),
    );
    const key = fc.array(part, { maxLength: 4 }).map((parts) => parts.join(""));
    await fc.assert(
      fc.asyncProperty(fc.uniqueArray(key, { maxLength: 6 }), key, async (keys, prefix) => {
        await schema.empty();
        await Promise.all(keys.map(async (one) => store.ladders.update(one, () => ({ of: one }))));
        const wanted = keys.filter((one) => one.startsWith(prefix)).toSorted((a, b) => (a < b ? -1 : 1));
        expect(await store.ladders.list(prefix)).toEqual(wanted.map((one) => [one, { of: one }]));
      }),
      { numRuns: 40 },
    );
  });

  test("takes a key longer than an entry of an index, and gives back any JSON as it was", async () => {
    const key = `long ${"🦀".repeat(5_000)}`;
    const value = { z: "\u0000", a: [1e21, -0.5, null, "\uD800"], ü: { "": false } };
    await store.sessions.update(key, () => value);
    expect(await second.sessions.read(key)).toEqual(value);
    expect(Object.keys((await second.sessions.read<object>(key)) ?? {})).toEqual(["z", "a", "ü"]);
    await expect((async () => store.sessions.read("\uD800"))()).rejects.toMatchObject({
      code: "usage_invalid",
    });
  });

  test("a document that was deleted and made again is another one", async () => {
    const table = `"${schema.name}".document`;
    await store.approvals.update("a", () => ({ state: "pending" }));
    const { rows } = await schema.pool.query(`SELECT key, revision FROM ${table}`);
    await second.approvals.update("a", () => undefined);
    await second.approvals.update("a", () => ({ state: "denied" }));
    // What was read before must not be written over it, whatever it is called.
    const { rows: written } = await schema.pool.query(
      `SELECT "${schema.name}".write_document('approvals', $1, $2, '{"state":"consumed"}', NULL, true) AS revision`,
      [rows[0].key, rows[0].revision],
    );
    expect(written).toEqual([{ revision: null }]);
    expect(await store.approvals.read("a")).toEqual({ state: "denied" });
  });

  test("follows what is logged at once, and anything else by looking", async () => {
    const seen: unknown[] = [];
    let following = 0;
    const third = schema.open({ pollMs: 30, listen: false });
    const leave = [second.approvals, second.versions, third.sessions].map((one) =>
      one.watch("p:", { changed: (key) => seen.push(key), missed: () => following++ }),
    );
    // What is written before a follower knows where the log ends is told as missed, not as changed.
    await expect.poll(() => following).toBe(3);
    await store.approvals.update("p:1", () => 1);
    await store.versions.update("p:2", () => 1);
    await store.versions.update("q:3", () => 1);
    await expect.poll(() => seen).toEqual(["p:1", "p:2"]);
    await setTimeout(100);
    await store.sessions.update("p:4", () => 1);
    await expect.poll(() => seen).toEqual(["p:1", "p:2", "p:4"]);
    await store.sessions.update("p:4", () => undefined);
    await expect.poll(() => seen).toEqual(["p:1", "p:2", "p:4", "p:4"]);
    for (const one of leave) one();
    await third.close();
  });

  test("tells everyone when a followed document's time is up", async () => {
    const seen: unknown[] = [];
    let following = 0;
    const leave = second.controls.watch("", {
      changed: (key, value) => seen.push([key, value]),
      missed: () => following++,
    });
    await expect.poll(() => following).toBe(1);
    await store.controls.update("brief", () => 1, { ttlMs: 20 });
    await store.ladders.update("brief", () => 1, { ttlMs: 20 });
    await setTimeout(60);
    const database = new Database({
      pool: schema.pool,
      ownsPool: false,
      schema: schema.name,
      timeoutMs: 5_000,
      ports: ownPorts({ logger: QUIET }),
    });
    const tidy = new Tidy(database, 3_600_000, ownPorts({ logger: QUIET }));
    await tidy.round();
    await expect
      .poll(() => seen)
      .toEqual([
        ["brief", 1],
        ["brief", undefined],
      ]);
    expect(
      (await schema.pool.query(`SELECT count(*)::int AS left FROM "${schema.name}".document`)).rows,
    ).toEqual([{ left: 0 }]);
    tidy.close();
    leave();
    await database.close();
  });

  test("a failover that lost the last changes is noticed, also where as many new ones were written", async () => {
    const seen: unknown[] = [];
    let missed = 0;
    const follower = schema.open({ listen: false, pollMs: 200 });
    await store.controls.update("lost", () => 1);
    const leave = follower.controls.watch("", { changed: (key) => seen.push(key), missed: () => missed++ });
    await expect.poll(() => missed).toBe(1);
    await store.controls.update("last", () => 1);
    await expect.poll(() => seen).toContain("last");
    const before = missed;
    const { name } = schema;
    // The server that takes over has neither of the two; both revisions are taken anew before anybody looks.
    await schema.pool.query(
      `DO $$ BEGIN
        DELETE FROM "${name}".document_change WHERE revision > (SELECT revision - 2 FROM "${name}".change_head);
        UPDATE "${name}".change_head SET revision = revision - 2;
        SET LOCAL search_path = "${name}";
        PERFORM note_change('controls', 'new', '1'), note_change('controls', 'newer', '1');
      END $$`,
    );
    await expect.poll(() => missed, { timeout: 3_000 }).toBe(before + 1);
    await store.controls.update("after", () => 1);
    await expect.poll(() => seen.at(-1), { timeout: 3_000 }).toBe("after");
    expect(missed).toBe(before + 1);
    leave();
    await follower.close();
  });

  test("changes that are forgotten in their time, the last one too, are no reason to read everything again", async () => {
    let [missed, confirmed] = [0, 0];
    const follower = schema.open({ pollMs: 100 });
    const leave = follower.controls.watch("", {
      changed: () => undefined,
      missed: () => missed++,
      confirmed: () => confirmed++,
    });
    await store.controls.update("old", () => 1);
    await expect.poll(() => confirmed, { timeout: 10_000 }).toBeGreaterThan(2);
    const before = missed;
    await schema.pool.query(
      `WITH head AS (UPDATE "${schema.name}".change_head SET pruned = revision RETURNING revision)
       DELETE FROM "${schema.name}".document_change c USING head WHERE c.revision <= head.revision`,
    );
    const looked = confirmed;
    await expect.poll(() => confirmed, { timeout: 10_000 }).toBeGreaterThan(looked + 2);
    expect(missed).toBe(before);
    leave();
    await follower.close();
  });

  test("a watcher that fell behind what is kept is told to read everything again", async () => {
    let missed = 0;
    let confirmed = 0;
    const leave = second.controls.watch("", {
      changed: () => undefined,
      missed: () => missed++,
      confirmed: () => confirmed++,
    });
    await expect.poll(() => confirmed).toBeGreaterThan(0);
    const before = missed;
    await schema.pool.query(
      `UPDATE "${schema.name}".change_head SET revision = revision + 10, pruned = revision + 10`,
    );
    await expect.poll(() => missed, { timeout: 3_000 }).toBe(before + 1);
    leave();
  });
});
