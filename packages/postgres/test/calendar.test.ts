import { afterAll, beforeAll, describe, expect, test } from "vitest";

import { TestSchema } from "./server.ts";
import { hasServer } from "./servers.ts";

const HOUR_MS = 3_600_000;

/** Days that begin twice, not at midnight, or last 23 or 25 hours; and months around them. */
const INSTANTS: readonly [timeZone: string, setting: string, utc: string][] = [
  ["Europe/Berlin", "Europe/Berlin", "2026-03-29T00:30:00Z"],
  ["Europe/Berlin", "Europe/Berlin", "2026-10-25T01:30:00Z"],
  ["America/Havana", "America/Havana", "2026-11-01T04:30:00Z"],
  ["America/Havana", "America/Havana", "2026-11-01T05:30:00Z"],
  ["Africa/Cairo", "Africa/Cairo", "2026-04-24T08:00:00Z"],
  ["America/Sao_Paulo", "America/Sao_Paulo", "2018-11-04T12:00:00Z"],
  ["Australia/Lord_Howe", "Australia/Lord_Howe", "2026-04-05T00:00:00Z"],
  ["Asia/Kathmandu", "Asia/Kathmandu", "2026-07-31T18:15:00Z"],
  ["CET", "CET", "2026-07-01T12:00:00Z"],
  ["+05:30", "<+0530>-05:30", "2026-07-01T12:00:00Z"],
  ["UTC", "UTC", "2026-02-28T23:59:59Z"],
];

describe.skipIf(!hasServer)("calendar periods by the server's time zones", () => {
  const schema = new TestSchema();
  const store = schema.open();
  beforeAll(async () => void (await store.controls.read("installs")));
  afterAll(async () => {
    await store.close();
    await schema.drop();
  });

  test.each(INSTANTS)("%s as %s at %s", async (timeZone, setting, utc) => {
    const atMs = Date.parse(utc);
    for (const unit of ["day", "month"] as const) {
      // oxlint-disable-next-line no-await-in-loop -- there are two
      const { rows } = await schema.pool.query(
        `SELECT start_ms::float8 AS start, end_ms::float8 AS end FROM "${schema.name}".calendar_period($1, $2, $3)`,
        [unit, setting, atMs],
      );
      const nameAt = (ms: number): string =>
        new Intl.DateTimeFormat("en", {
          timeZone,
          year: "numeric",
          month: "2-digit",
          ...(unit === "day" && { day: "2-digit" }),
        }).format(ms);
      const { start, end } = rows[0];
      // Within one name, and the instants beside it have another: nothing else could be the period.
      expect([nameAt(start), nameAt(end - 1)]).toEqual([nameAt(atMs), nameAt(atMs)]);
      expect([nameAt(start - 1), nameAt(end)]).not.toContain(nameAt(atMs));
      expect((end - start) / HOUR_MS).toBeGreaterThanOrEqual(unit === "day" ? 23 : 27 * 24);
    }
  });

  test("leaves the session's own time zone as it was", async () => {
    const client = await schema.pool.connect();
    await client.query("SET timezone = 'Asia/Tokyo'");
    await client.query(`SELECT "${schema.name}".calendar_period('day', 'Europe/Berlin', 1790000000000)`);
    expect((await client.query("SHOW timezone")).rows).toEqual([{ TimeZone: "Asia/Tokyo" }]);
    client.release(true);
  });
});
