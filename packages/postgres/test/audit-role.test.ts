import { readFileSync } from "node:fs";

import { Pool } from "pg";
import { afterAll, beforeAll, describe, expect, test } from "vitest";

import { auditTrail } from "../src/audit/audit-trail.ts";
import { postgresAudit, type PostgresAudit } from "../src/audit/postgres-audit.ts";
import { postgresState } from "../src/postgres-state.ts";
import { DATABASE_URL } from "./find-servers.ts";
import { QUIET, TestSchema } from "./server.ts";
import { hasServer } from "./servers.ts";

const PASSWORD = "only-for-this-test";
const README = readFileSync(new URL("../README.md", import.meta.url), "utf8");
/** What the README says of a role, as an operator would run it. */
const grantsOf = (role: string, schema: string, as: string): string => {
  const block = [...README.matchAll(/```sql\n(.*?)```/gsu)].find(([text]) => text.includes(`TO ${role}`));
  return String(block?.[1])
    .replaceAll("agentplane.", `"${schema}".`)
    .replaceAll("SCHEMA agentplane ", `SCHEMA "${schema}" `)
    .replaceAll("…", PASSWORD)
    .replaceAll(role, as);
};

describe.skipIf(!hasServer)("roles of an application in PostgreSQL", () => {
  const schema = new TestSchema();
  const auditor = `${schema.name}_audit`;
  const keeper = `${schema.name}_state`;
  const as = (role: string): string => {
    const url = new URL(DATABASE_URL);
    url.username = role;
    url.password = PASSWORD;
    return url.href;
  };
  const audit = new Pool({ connectionString: as(auditor), max: 1 });
  const setClock = async (at: string): Promise<unknown> =>
    schema.pool.query(`UPDATE "${schema.name}".test_clock SET at = $1`, [at]);
  const append = async (sink: PostgresAudit, subject: string): Promise<void> =>
    sink.append({ kind: "control", at: 0, action: "a", by: "b", subject }, "durable");

  beforeAll(async () => {
    const state = schema.open();
    await state.controls.read("installs");
    await state.close();
    for (const [name, role] of [
      ["agentplane_audit", auditor],
      ["agentplane_state", keeper],
    ] as const) {
      // oxlint-disable-next-line no-await-in-loop -- one after the other
      await schema.pool.query(grantsOf(name, schema.name, role));
    }
    // The clock alone is the test's: with the rights of its owner, or the grants would have to name its row.
    await schema.pool.query(`CREATE TABLE "${schema.name}".test_clock (at timestamptz)`);
    await schema.pool.query(`INSERT INTO "${schema.name}".test_clock VALUES ('2031-01-31T23:59:50Z')`);
    await schema.pool
      .query(`CREATE OR REPLACE FUNCTION "${schema.name}".clock_ms() RETURNS bigint LANGUAGE sql
      VOLATILE SECURITY DEFINER AS $$ SELECT (extract(epoch FROM at) * 1000)::bigint FROM "${schema.name}".test_clock $$`);
  });
  afterAll(async () => {
    await audit.end();
    for (const role of [auditor, keeper])
      // oxlint-disable-next-line no-await-in-loop -- one after the other
      await schema.pool.query(`DROP OWNED BY "${role}"; DROP ROLE "${role}"`);
    await schema.drop();
  });

  test("one that may only insert writes the trail over the end of a month", async () => {
    const due: (() => void)[] = [];
    const warned: string[] = [];
    const set = (work: () => void): (() => void) => {
      due.push(work);
      return () => undefined;
    };
    const logger = { ...QUIET, warn: (text: string): void => void warned.push(text) };
    const first = postgresAudit({
      pool: audit,
      schema: schema.name,
      bufferMs: 60_000,
      ports: { timers: { set }, logger },
    });
    await append(first, "the last of January");
    await setClock("2031-02-01T00:00:10Z");
    // Another process, whose first line makes the month.
    const second = postgresAudit({ pool: audit, schema: schema.name });
    await append(second, "the first of February");
    // The month after it is made ahead.
    for (const work of due.splice(0)) work();
    await expect
      .poll(
        async () =>
          (await schema.pool.query("SELECT to_regclass($1) AS month", [`"${schema.name}".audit_2031_03`]))
            .rows,
      )
      .toMatchObject([{ month: expect.any(String) }]);
    await first.close();
    await second.close();
    expect(warned).toEqual([]);
    const trail = auditTrail({ pool: schema.pool, schema: schema.name });
    const reports = await trail.verify({ [first.writer]: first.end, [second.writer]: second.end });
    expect(reports.map(({ ok, lines }) => ({ ok, lines }))).toEqual([
      { ok: true, lines: 1 },
      { ok: true, lines: 1 },
    ]);
    const { rows } = await schema.pool.query(
      `SELECT DISTINCT split_part(tableoid::regclass::text, '.', 2) AS month FROM "${schema.name}".audit_record ORDER BY 1`,
    );
    expect(rows).toEqual([{ month: "audit_2031_01" }, { month: "audit_2031_02" }]);
  });

  test.for([
    'SELECT line FROM "S".audit_record',
    'SELECT line FROM "S".audit_2031_01',
    'SELECT * FROM "S".audit_dropped',
    'SELECT * FROM "S".document',
    `INSERT INTO "S".audit_record (at, writer, seq, kind, line) VALUES (now(), 'w', 1, 'control', '') RETURNING line`,
    `INSERT INTO "S".audit_2031_01 (at, writer, seq, kind, line) VALUES ('2031-01-02', 'w', 1, 'control', '')`,
    `INSERT INTO "S".audit_dropped VALUES ('w', 1, '')`,
    `UPDATE "S".audit_record SET line = ''`,
    `UPDATE "S".audit_2031_01 SET line = ''`,
    'DELETE FROM "S".audit_record',
    'DELETE FROM "S".audit_2031_01',
    'TRUNCATE "S".audit_record',
    'TRUNCATE "S".audit_2031_01',
    'DROP TABLE "S".audit_2031_01',
    'ALTER TABLE "S".audit_record DETACH PARTITION "S".audit_2031_01',
    'CREATE TABLE "S".another (id int)',
    `SELECT "S".drop_audit_months('2040-01-01')`,
    `CREATE OR REPLACE FUNCTION "S".clock_ms() RETURNS bigint LANGUAGE sql AS 'SELECT 0::bigint'`,
    `SELECT "S".write_document('controls', 'a', 0, '{}', NULL, true)`,
  ])("one that may only insert is refused %s", async (text) => {
    await expect(audit.query(text.replaceAll('"S"', `"${schema.name}"`))).rejects.toMatchObject({
      // Insufficient privilege, of this and no other reason.
      code: "42501",
    });
  });

  test("a month far from the present is made for nobody, and none in a schema that the caller names", async () => {
    const make = async (at: string): Promise<unknown> =>
      audit.query(`SELECT "${schema.name}".make_audit_month($1)`, [at]);
    await expect(make("2035-01-01")).rejects.toThrow(/no month of the audit trail/);
    await expect(make("1999-01-01")).rejects.toThrow(/no month of the audit trail/);
    await expect(make("infinity")).rejects.toThrow(/no month of the audit trail/);
    await audit.query("CREATE TEMPORARY TABLE audit_2031_04 (id int)");
    await audit.query("SET search_path = pg_temp, public");
    await setClock("2031-03-15T00:00:00Z");
    await make("2031-04-01");
    const { rows } = await schema.pool.query("SELECT to_regclass($1)::oid > 0 AS is_made", [
      `"${schema.name}".audit_2031_04`,
    ]);
    expect(rows).toEqual([{ is_made: true }]);
  });

  test("whoever was granted nothing makes no month", async () => {
    const stranger = `${schema.name}_other`;
    await schema.pool.query(`CREATE ROLE "${stranger}" LOGIN PASSWORD '${PASSWORD}'`);
    await schema.pool.query(`GRANT USAGE ON SCHEMA "${schema.name}" TO "${stranger}"`);
    const pool = new Pool({ connectionString: as(stranger), max: 1 });
    await expect(pool.query(`SELECT "${schema.name}".make_audit_month('2031-03-01')`)).rejects.toMatchObject({
      code: "42501",
    });
    await pool.end();
    await schema.pool.query(`DROP OWNED BY "${stranger}"; DROP ROLE "${stranger}"`);
  });

  test("one for the state does what a plane does, and touches no line of the trail", async () => {
    const pool = new Pool({ connectionString: as(keeper), max: 2 });
    const state = postgresState({ pool, schema: schema.name, ports: { logger: QUIET } });
    const spec = { key: "b", measure: "tokens", limit: 100, window: { kind: "lifetime" } } as const;
    const reserve = {
      id: "a",
      ttlMs: 60_000,
      items: [{ spec, amount: 30, isSoft: false, expired: "charge" }] as const,
    };
    expect(await state.ledger.reserve(reserve)).toMatchObject({ isGranted: true });
    await state.ledger.renew("a", 60_000);
    await state.ledger.settle("a", [12]);
    await state.ledger.grant(spec, 7);
    expect(await state.ledger.read(spec)).toEqual({ used: 12, held: 0, limit: 107 });
    await state.ledger.reset("b");
    await state.controls.update("plug", () => ({ by: "olga" }));
    await state.controls.update("plug", () => undefined);
    await state.versions.update("pace", () => ({ version: 1 }));
    await state.close();
    await pool.query(
      `SELECT "${schema.name}".tidy_documents(ARRAY['controls'], 9, 0), "${schema.name}".tidy_ledger('', 9)`,
    );
    for (const text of ["SELECT line FROM", "DELETE FROM", "TRUNCATE"])
      // oxlint-disable-next-line no-await-in-loop -- one after the other
      await expect(pool.query(`${text} "${schema.name}".audit_record`)).rejects.toMatchObject({
        code: "42501",
      });
    await pool.end();
  });
});
