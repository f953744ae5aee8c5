import { afterEach, beforeEach, describe, expect, test } from "vitest";

import { auditTrail } from "../src/audit/audit-trail.ts";
import { postgresAudit, type PostgresAudit } from "../src/audit/postgres-audit.ts";
import { DATABASE_URL } from "./find-servers.ts";
import { QUIET, TestSchema } from "./server.ts";
import { hasServer } from "./servers.ts";

/** 14 hours before UTC, 11 hours behind it, and with a clock change in March. */
const ZONES = ["Pacific/Kiritimati", "Pacific/Pago_Pago", "America/New_York"] as const;

describe.skipIf(!hasServer)("the months of the audit trail in PostgreSQL", () => {
  let schema: TestSchema;
  let opened: PostgresAudit[];
  /** What is to be done at intervals, for the test to do. */
  let due: (() => void)[];
  let dropped: string[];

  beforeEach(async () => {
    schema = new TestSchema();
    opened = [];
    due = [];
    dropped = [];
    await schema.open().controls.read("installs");
    await schema.pool.query(`CREATE TABLE "${schema.name}".test_clock (at timestamptz)`);
    await schema.pool.query(`INSERT INTO "${schema.name}".test_clock VALUES (now())`);
    await schema.pool
      .query(`CREATE OR REPLACE FUNCTION "${schema.name}".clock_ms() RETURNS bigint LANGUAGE sql VOLATILE AS
      $$ SELECT (extract(epoch FROM at) * 1000)::bigint FROM "${schema.name}".test_clock $$`);
  });
  afterEach(async () => {
    await Promise.all(opened.map(async (sink) => sink.close()));
    await schema.drop();
  });

  const setClock = async (at: string): Promise<void> =>
    void (await schema.pool.query(`UPDATE "${schema.name}".test_clock SET at = $1`, [at]));
  const open = (zone: string, keepDays?: number): PostgresAudit => {
    const url = new URL(DATABASE_URL);
    url.searchParams.set("options", `-c TimeZone=${zone}`);
    const set = (work: () => void): (() => void) => {
      due.push(work);
      return () => undefined;
    };
    const info = (_: string, data?: Readonly<Record<string, unknown>>): void => {
      if (Array.isArray(data?.["dropped"])) dropped.push(...data["dropped"].map(String));
    };
    const options = { connectionString: url.href, schema: schema.name, bufferMs: 60_000 };
    const sink = postgresAudit({
      ...options,
      ...(keepDays !== undefined && { keepDays }),
      ports: { timers: { set }, logger: { ...QUIET, info } },
    });
    opened.push(sink);
    return sink;
  };
  const tend = (): void => {
    for (const work of due.splice(0)) work();
  };
  const append = async (sink: PostgresAudit, subject: string): Promise<void> =>
    // The record's own time is that of the process, and may be anything.
    sink.append({ kind: "control", at: 0, action: "a", by: "b", subject }, "durable");
  const months = async (): Promise<readonly string[]> => {
    const { rows } = await schema.pool.query(
      "SELECT c.relname FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid WHERE c.relkind = 'r' AND c.relnamespace = to_regnamespace($1) ORDER BY 1",
      [schema.name],
    );
    return rows.map(({ relname }) => String(relname));
  };
  const filed = async (): Promise<readonly string[]> => {
    const { rows } = await schema.pool.query(
      `SELECT tableoid::regclass::text AS month FROM "${schema.name}".audit_record ORDER BY at, seq`,
    );
    return rows.map(({ month }) => String(month).replace(/^.*\./, ""));
  };

  test.for<readonly [at: string, month: string, next: string]>([
    ["2031-01-30T12:00:00Z", "audit_2031_01", "audit_2031_02"],
    ["2031-01-31T23:59:59Z", "audit_2031_01", "audit_2031_02"],
    ["2031-02-01T00:00:00Z", "audit_2031_02", "audit_2031_03"],
    ["2031-12-31T23:59:59Z", "audit_2031_12", "audit_2032_01"],
    ["2032-02-29T23:00:00Z", "audit_2032_02", "audit_2032_03"],
  ])("at %s that month and the next are there ahead, in any time zone", async ([at, ...expected]) => {
    await setClock(at);
    for (const zone of ZONES) {
      open(zone);
      tend();
      // oxlint-disable-next-line no-await-in-loop -- one after the other
      await expect.poll(months).toEqual(expected);
    }
  });

  test.for(ZONES)("a month begins with UTC's, whatever time zone a session has: %s", async (zone) => {
    for (const [at, month] of [
      ["2031-03-31T23:59:50Z", "audit_2031_03"],
      // A line is of the moment in which it was taken, just before the clock is read for the first time.
      ["2031-04-01T00:00:10Z", "audit_2031_04"],
    ] as const) {
      // oxlint-disable no-await-in-loop -- in this order
      await setClock(at);
      const sink = open(zone);
      await append(sink, at);
      await sink.close();
      expect((await filed()).at(-1)).toBe(month);
      // oxlint-enable no-await-in-loop
    }
    expect(await months()).toEqual(["audit_2031_03", "audit_2031_04"]);
  });

  test.for(ZONES)(
    "a month is dropped when its last day is as old as is kept, and no earlier: %s",
    async (zone) => {
      await setClock("2031-01-31T12:00:00Z");
      const sink = open(zone, 30);
      await append(sink, "old");
      await setClock("2031-03-02T23:59:59Z");
      tend();
      await expect.poll(months).toEqual(["audit_2031_01", "audit_2031_03", "audit_2031_04"]);
      await append(sink, "new");
      expect(dropped).toEqual([]);
      await setClock("2031-03-03T00:00:00Z");
      tend();
      await expect.poll(() => dropped).toEqual(["audit_2031_01"]);
      await append(sink, "newest");
      expect(await filed()).toEqual(["audit_2031_03", "audit_2031_03"]);
      const trail = auditTrail({ connectionString: DATABASE_URL, schema: schema.name });
      expect(await trail.verify({ [sink.writer]: sink.end })).toMatchObject([{ ok: true, lines: 2 }]);
      await trail.close();
    },
  );

  test("a server's clock that is set back files nothing before what is there, and drops nothing", async () => {
    await setClock("2031-03-15T12:00:00Z");
    const sink = open("UTC", 30);
    await append(sink, "first");
    await setClock("2031-01-10T12:00:00Z");
    tend();
    await expect.poll(months).toContain("audit_2031_01");
    await append(sink, "second");
    expect(await filed()).toEqual(["audit_2031_03", "audit_2031_03"]);
    // Another process, whose first line is by the clock as it is now.
    const later = open("UTC");
    await append(later, "third");
    expect(await filed()).toContain("audit_2031_01");
    expect(dropped).toEqual([]);
    const trail = auditTrail({ connectionString: DATABASE_URL, schema: schema.name });
    const reports = await trail.verify({ [sink.writer]: sink.end, [later.writer]: later.end });
    expect(reports.map(({ ok }) => ok)).toEqual([true, true]);
    expect(reports.map(({ lines }) => lines).toSorted((a, b) => a - b)).toEqual([1, 2]);
    await trail.close();
  });
});
