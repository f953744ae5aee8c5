import { setTimeout } from "node:timers/promises";

import type { AuditRecord } from "@agentplane/core";
import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";

import { auditTrail, type AuditTrail } from "../src/audit/audit-trail.ts";
import { postgresAudit, type PostgresAudit } from "../src/audit/postgres-audit.ts";
import { DATABASE_URL, hasServer, QUIET, TestSchema } from "./server.ts";

const ports = { logger: QUIET };

function record(at: number, action = "noted"): AuditRecord {
  return { kind: "control", at, action, by: "test", subject: "s", reason: 'ü \u0000 "quoted" \\ 🦀' };
}

describe.skipIf(!(await hasServer()))("the audit trail in PostgreSQL", () => {
  const schema = new TestSchema();
  const connection = { connectionString: DATABASE_URL, schema: schema.name };
  let sink: PostgresAudit;
  let trail: AuditTrail;

  beforeAll(() => {
    trail = auditTrail(connection);
  });
  afterEach(async () => {
    await sink.close();
    await schema.pool.query(
      `DELETE FROM "${schema.name}".audit_record; DELETE FROM "${schema.name}".audit_dropped`,
    );
  });
  afterAll(async () => {
    await trail.close();
    await schema.drop();
  });

  test("commits what is durable before it answers, many in one group", async () => {
    sink = postgresAudit({ ...connection, ports });
    await Promise.all(
      Array.from({ length: 500 }, async (_, index) => sink.append(record(Date.now() + index), "durable")),
    );
    const [report] = await trail.verify({ [sink.writer]: sink.end });
    expect(report).toMatchObject({ writer: sink.writer, ok: true, lines: 500, end: sink.end });
    const { rows } = await schema.pool.query(
      `SELECT count(DISTINCT xmin::text)::int AS commits FROM "${schema.name}".audit_record`,
    );
    expect(rows[0].commits).toBeLessThan(20);
  });

  test("writes what is buffered soon, and at once when flushed", async () => {
    sink = postgresAudit({ ...connection, bufferMs: 60_000, ports });
    expect(sink.append(record(1_700_000_000_000), "buffered")).toBeUndefined();
    await sink.flush();
    expect((await trail.verify())[0]).toMatchObject({ ok: true, lines: 1 });
  });

  test("names the first line that was edited, removed, doubled or cut off", async () => {
    sink = postgresAudit({ ...connection, ports });
    for (let index = 0; index < 10; index++) void sink.append(record(Date.now()), "buffered");
    await sink.flush();
    const verdictAfter = async (damage: string): Promise<unknown> => {
      const client = await schema.pool.connect();
      await client.query(
        `CREATE TABLE "${schema.name}".saved AS SELECT * FROM "${schema.name}".audit_record`,
      );
      await client.query(`SET search_path = "${schema.name}"; ${damage}`);
      const [report] = await trail.verify({ [sink.writer]: sink.end });
      await client.query(
        "DELETE FROM audit_record; INSERT INTO audit_record SELECT * FROM saved; DROP TABLE saved",
      );
      client.release(true);
      return report?.ok === true ? "good" : [report?.firstBad?.problem, report?.firstBad?.line];
    };
    expect(
      await verdictAfter("UPDATE audit_record SET line = replace(line, 'noted', 'nothing') WHERE seq = 4"),
    ).toEqual(["edited", 5]);
    expect(await verdictAfter("DELETE FROM audit_record WHERE seq = 4")).toEqual(["removed", 5]);
    const twin =
      "SELECT at + interval '1 ms', writer, seq, kind, tenant, agent, effect, line FROM audit_record WHERE seq = 4";
    expect(await verdictAfter(`INSERT INTO audit_record ${twin}`)).toEqual(["duplicated", 6]);
    expect(await verdictAfter("DELETE FROM audit_record WHERE seq = 9")).toEqual(["truncated", 10]);
    expect(await verdictAfter("DELETE FROM audit_record")).toEqual(["truncated", 1]);
    expect(await verdictAfter("SELECT 1")).toBe("good");
  });

  test("puts every month into a partition, drops the old ones, and still verifies what is left", async () => {
    const old = Date.UTC(2020, 0, 31, 23, 59, 59, 999);
    sink = postgresAudit({ ...connection, ports });
    await Promise.all([old, old + 1, Date.now()].map(async (at) => sink.append(record(at), "durable")));
    const months = async (): Promise<unknown[]> => {
      const { rows } = await schema.pool.query(
        "SELECT relname FROM pg_class WHERE relkind = 'r' AND relnamespace = to_regnamespace($1) AND relname ~ '^audit_20' ORDER BY 1",
        [schema.name],
      );
      return rows.map(({ relname }) => relname);
    };
    expect(await months()).toEqual(expect.arrayContaining(["audit_2020_01", "audit_2020_02"]));
    const tending = postgresAudit({ ...connection, keepDays: 400, ports });
    await expect.poll(months, { timeout: 5_000 }).not.toContain("audit_2020_01");
    await tending.close();
    expect(await months()).not.toContain("audit_2020_02");
    expect(await trail.verify({ [sink.writer]: sink.end })).toMatchObject([{ ok: true, lines: 1 }]);
    // A month that was dropped is made again for a row that belongs there.
    await sink.append(record(old), "durable");
  });

  test("gives a trail out as lines", async () => {
    sink = postgresAudit({ ...connection, ports });
    await sink.append(record(Date.now()), "durable");
    const lines: string[] = [];
    for await (const line of trail.lines(sink.writer)) lines.push(line);
    expect(lines.map((line) => JSON.parse(line).record.reason)).toEqual(['ü \u0000 "quoted" \\ 🦀']);
    await setTimeout(0);
  });
});
