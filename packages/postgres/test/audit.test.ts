import { setTimeout } from "node:timers/promises";

import type { AuditRecord } from "@agentplane/core";
import { afterAll, afterEach, beforeAll, describe, expect, onTestFinished, test, vi } from "vitest";

import { auditTrail, type AuditTrail } from "../src/audit/audit-trail.ts";
import { postgresAudit, type PostgresAudit } from "../src/audit/postgres-audit.ts";
import { QUIET, TestSchema } from "./server.ts";
import { DATABASE_URL } from "./find-servers.ts";
import { hasServer } from "./servers.ts";

const ports = { logger: QUIET };

function record(at: number, action = "noted"): AuditRecord {
  return { kind: "control", at, action, by: "test", subject: "s", reason: 'ü \u0000 "quoted" \\ 🦀' };
}

describe.skipIf(!hasServer)("the audit trail in PostgreSQL", () => {
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

  const months = async (): Promise<string[]> => {
    const { rows } = await schema.pool.query(
      "SELECT relname FROM pg_class WHERE relkind = 'r' AND relnamespace = to_regnamespace($1) AND relname ~ '^audit_[0-9]' ORDER BY 1",
      [schema.name],
    );
    return rows.map(({ relname }) => String(relname));
  };

  test("puts every month into a partition, drops the old ones, and still verifies what is left", async () => {
    sink = postgresAudit({ ...connection, ports });
    for (let index = 0; index < 3; index++) void sink.append(record(Date.now()), "buffered");
    await sink.flush();
    // As if two of them had been written long ago.
    for (const [seq, at] of ["2020-01-31T23:59:59.999Z", "2020-02-01T00:00:00Z"].entries()) {
      // oxlint-disable-next-line no-await-in-loop -- one after the other
      await schema.pool.query(`SELECT "${schema.name}".make_audit_month($1)`, [at]);
      const move = `UPDATE "${schema.name}".audit_record SET at = $1 WHERE seq = $2`;
      // oxlint-disable-next-line no-await-in-loop -- as above
      await schema.pool.query(move, [at, seq]);
    }
    expect(await months()).toEqual(expect.arrayContaining(["audit_2020_01", "audit_2020_02"]));
    const tending = postgresAudit({ ...connection, keepDays: 400, ports });
    await expect.poll(months, { timeout: 5_000 }).not.toContain("audit_2020_01");
    await tending.close();
    expect(await months()).not.toContain("audit_2020_02");
    expect(await trail.verify({ [sink.writer]: sink.end })).toMatchObject([{ ok: true, lines: 1 }]);
  });

  test("makes a month again that somebody dropped", async () => {
    sink = postgresAudit({ ...connection, ports });
    await sink.append(record(Date.now()), "durable");
    const [month = ""] = await months();
    await schema.pool.query(`DROP TABLE "${schema.name}"."${month}"`);
    await sink.append(record(Date.now()), "durable");
    expect(await months()).toContain(month);
  });

  test("files and drops by the server's clock: one of a process that is years off loses nothing", async () => {
    sink = postgresAudit({ ...connection, ports });
    // Before its clock was set, then set forward, then back.
    for (const at of [0, Date.UTC(2090, 0), Date.UTC(2001, 5), Date.now()])
      // oxlint-disable-next-line no-await-in-loop -- in this order
      await sink.append(record(at), "durable");
    vi.useFakeTimers({ toFake: ["Date"], now: Date.UTC(2090, 0) });
    onTestFinished(() => void vi.useRealTimers());
    const run: (() => void)[] = [];
    const dropped: string[] = [];
    const timers = { set: (work: () => void) => (run.push(work), () => undefined) };
    const logger = { ...QUIET, info: (message: string) => void dropped.push(message) };
    const tending = postgresAudit({ ...connection, keepDays: 1, ports: { timers, logger } });
    for (const work of run.splice(0)) work();
    await setTimeout(300);
    await tending.close();
    expect(dropped).toStrictEqual([]);
    expect(await trail.verify({ [sink.writer]: sink.end })).toMatchObject([{ ok: true, lines: 4 }]);
    const { rows } = await schema.pool.query(
      `SELECT count(DISTINCT tableoid)::int AS months, max(abs(extract(epoch FROM now() - at)))::int AS off
       FROM "${schema.name}".audit_record`,
    );
    expect(rows).toMatchObject([{ months: 1, off: expect.any(Number) }]);
    expect(rows[0].off).toBeLessThan(60);
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
