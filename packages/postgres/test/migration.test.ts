import { createHash } from "node:crypto";

import type { LimitSpec } from "@agentplane/core";
import { beforeEach, describe, expect, test } from "vitest";

import { channelOf, installSchema } from "../src/install-schema.ts";
import { migrations } from "../src/sql/migrations.ts";
import { TestSchema } from "./server.ts";
import { hasServer } from "./servers.ts";

const BUDGET: LimitSpec = { key: "b", measure: "tokens", limit: 100, window: { kind: "lifetime" } };
/** What a later release might change: a table in another shape, with what was in it. */
const NEXT = `
  ALTER TABLE document ADD COLUMN tenant text;
  UPDATE document SET tenant = 'of ' || collection;
  CREATE TABLE later (id int PRIMARY KEY);
  INSERT INTO later VALUES (1);`;

/** The version of this release. */
const KNOWN = migrations("channel").length;
const versionsTo = (last: number): readonly unknown[] =>
  Array.from({ length: last }, (_, at) => ({ version: at + 1 }));

test("a step that was published is never changed: another is added", () => {
  const digests = migrations("channel").map((step) =>
    createHash("sha256").update(step).digest("hex").slice(0, 16),
  );
  expect(digests).toEqual([
    "eec70dcbbbada9cd",
    "f5d7a6c260dcdfbc",
    "0387b43bdccf3102",
    "c7095450bac1b632",
    "edda7c3b4be807f0",
  ]);
});

describe.skipIf(!hasServer)("a schema of an older version", () => {
  let schema: TestSchema;

  beforeEach(async () => {
    schema = new TestSchema();
    const state = schema.open();
    const items = [{ spec: BUDGET, amount: 30, isSoft: false, expired: "charge" }] as const;
    await state.ledger.reserve({ id: "held", ttlMs: 600_000, items });
    await state.ledger.grant(BUDGET, 7);
    await state.controls.update("plug", () => ({ by: "olga" }));
    await state.versions.update("pace", () => ({ version: 1 }));
    await state.close();
    return async () => schema.drop();
  });

  const install = async (...more: readonly string[]): Promise<void> => {
    const client = await schema.pool.connect();
    try {
      await installSchema(client, schema.name, [...migrations(channelOf(schema.name)), ...more]);
    } finally {
      client.release();
    }
  };
  const rows = async (text: string): Promise<unknown[]> => {
    const client = await schema.pool.connect();
    await client.query(`SET search_path = "${schema.name}"`);
    const found = await client.query(text);
    client.release(true);
    return found.rows;
  };
  const content = async (): Promise<unknown> =>
    Promise.all([
      rows("SELECT collection, key, value::text, revision FROM document ORDER BY 1, 2"),
      rows("SELECT * FROM limit_cell ORDER BY 1"),
      rows("SELECT * FROM limit_grant ORDER BY 1"),
      rows("SELECT * FROM held_item ORDER BY 1"),
      rows("SELECT revision, collection, key, value::text FROM document_change ORDER BY 1"),
    ]);

  test("gets a step more with everything kept, once, however many begin together", async () => {
    const before = await content();
    await Promise.all([install(NEXT), install(NEXT)]);
    expect(await content()).toEqual(before);
    expect(await rows("SELECT DISTINCT tenant FROM document ORDER BY 1")).toEqual([
      { tenant: "of controls" },
      { tenant: "of versions" },
    ]);
    expect(await rows("SELECT version FROM agentplane_schema ORDER BY 1")).toEqual(versionsTo(KNOWN + 1));
  });

  test("stays as it was when the step fails, for the release that made it", async () => {
    const before = await content();
    await expect(install(NEXT, "INSERT INTO missing VALUES (1)")).rejects.toThrow(/missing/);
    expect(await content()).toEqual(before);
    expect(await rows("SELECT version FROM agentplane_schema ORDER BY 1")).toEqual(versionsTo(KNOWN));
    expect(await rows("SELECT to_regclass('later') AS later")).toEqual([{ later: null }]);
    const state = schema.open();
    expect(await state.ledger.read(BUDGET)).toEqual({ used: 0, held: 30, limit: 107 });
    await state.ledger.settle("held", [12]);
    expect(await state.ledger.read(BUDGET)).toEqual({ used: 12, held: 0, limit: 107 });
    await state.close();
  });

  test("is refused by this release once it has had a step more, and left as it is", async () => {
    await install(NEXT);
    const before = await content();
    const state = schema.open();
    await expect(state.controls.read("plug")).rejects.toMatchObject({
      code: "state_failed",
      data: { version: KNOWN + 1, known: KNOWN },
    });
    await expect(state.ledger.settle("held", [12])).rejects.toMatchObject({ code: "state_failed" });
    await state.close();
    expect(await content()).toEqual(before);
  });
});
