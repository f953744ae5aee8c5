import { beforeEach, describe, expect, test } from "vitest";

import { auditTrail } from "../src/audit/audit-trail.ts";
import { postgresAudit } from "../src/audit/postgres-audit.ts";
import { postgresState } from "../src/postgres-state.ts";
import { startChild } from "./processes/child.ts";
import { TestSchema } from "./server.ts";
import { DATABASE_URL } from "./find-servers.ts";
import { hasServer } from "./servers.ts";

describe.skipIf(!hasServer)("installing the schema", () => {
  let schema: TestSchema;

  beforeEach(() => {
    schema = new TestSchema();
    return async () => schema.drop();
  });

  test("happens once, however many processes and states start at the same moment", async () => {
    const states = Array.from({ length: 6 }, () => schema.open());
    const children = [1, 2].map(() => startChild("kill-worker.ts", DATABASE_URL, schema.name));
    await Promise.all(states.map(async (state) => state.ladders.update("a", () => ({ count: 1 }))));
    for (const child of await Promise.all(children)) child.kill();
    await Promise.all(states.map(async (state) => state.close()));
    const { rows } = await schema.pool.query(
      `SELECT max(version) AS version FROM "${schema.name}".agentplane_schema`,
    );
    expect(rows).toEqual([{ version: 5 }]);
  });

  test("refuses a newer schema and says what to do", async () => {
    const state = schema.open();
    await state.ladders.read("a");
    await schema.pool.query(`INSERT INTO "${schema.name}".agentplane_schema (version) VALUES (99)`);
    const later = schema.open();
    await expect(later.ladders.read("a")).rejects.toMatchObject({
      code: "state_failed",
      message: expect.stringMatching(/has version 99, this package knows 5; use the newer package/),
    });
    await state.close();
    await later.close();
  });

  test("leaves a schema of somebody else alone", async () => {
    await schema.pool.query(
      `CREATE SCHEMA "${schema.name}"; CREATE TABLE "${schema.name}".document (id int)`,
    );
    const state = schema.open();
    await expect(state.ladders.read("a")).rejects.toThrow(
      /holds something else \(such as "document"\) and is left alone/,
    );
    await state.close();
    const { rows } = await schema.pool.query(
      "SELECT count(*)::int AS tables FROM pg_class WHERE relkind = 'r' AND relnamespace = to_regnamespace($1)",
      [schema.name],
    );
    expect(rows).toEqual([{ tables: 1 }]);
  });

  test("takes an empty schema, as for a role that may not make one", async () => {
    await schema.pool.query(`CREATE SCHEMA "${schema.name}"`);
    const state = schema.open();
    expect(await state.ladders.read("a")).toBeUndefined();
    await state.close();
  });

  test("works with a pool of one connection, which stays open", async () => {
    const state = postgresState({ pool: schema.pool, schema: schema.name });
    const audit = postgresAudit({ pool: schema.pool, schema: schema.name });
    await audit.append({ kind: "control", at: 1, action: "a", by: "b", subject: "c" }, "durable");
    await state.sessions.update("a", () => 1);
    await audit.close();
    await state.close();
    expect((await schema.pool.query("SELECT 1 AS one")).rows).toEqual([{ one: 1 }]);
  });
});

describe("options", () => {
  const text = "postgres://127.0.0.1:1/none";
  const cases: readonly [name: string, make: () => unknown, message: RegExp][] = [
    // Each is wrong on purpose, hence not of the type.
    ["nothing", () => postgresState({} as never), /either a pool or a connectionString/],
    ["both", () => postgresState({ connectionString: text, pool: {} } as never), /not both/],
    ["no pool", () => postgresState({ pool: {} } as never), /must be a Pool/],
    ["a typo", () => postgresState({ connectionString: text, shema: "x" } as never), /did you mean "schema"/],
    [
      "a bad schema",
      () => postgresState({ connectionString: text, schema: 'a"; DROP' }),
      /cannot be a schema/,
    ],
    [
      "a bad number",
      () => postgresAudit({ connectionString: text, keepDays: 0 }),
      /keepDays: must be a whole number/,
    ],
    [
      "a deadline too long for a timer",
      () => postgresState({ connectionString: text, timeoutMs: 2 ** 31 }),
      /timeoutMs: must be at most 2147483647/,
    ],
    [
      "a look too seldom for one",
      () => postgresState({ connectionString: text, pollMs: 2 ** 31 }),
      /pollMs: must be at most 2147483647/,
    ],
    [
      "a retry too late for one",
      () => postgresAudit({ connectionString: text, retryMs: 2 ** 31 }),
      /retryMs: must be at most 2147483647/,
    ],
    ["a bad trail", () => auditTrail({ connectionString: text, retry: 1 } as never), /unknown option/],
  ];
  test.each(cases)("refuses %s", (_, make, message) => {
    expect(make).toThrow(message);
  });
});
