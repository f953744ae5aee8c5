import * as fc from "fast-check";
import { expect, test } from "vitest";

import { ConfigError } from "../../src/base/errors.ts";
import { calendarPeriod } from "../../src/store/calendar.ts";
import { CalendarWindow } from "../../src/store/period-window.ts";

const at = (text: string): number => Date.parse(text);
const HOUR_MS = 3_600_000;

test.for([
  ["Europe/Berlin", "day", "2026-06-15T12:00:00Z", "2026-06-14T22:00:00Z", 24],
  ["Europe/Berlin", "day", "2026-03-29T12:00:00Z", "2026-03-28T23:00:00Z", 23],
  ["Europe/Berlin", "day", "2026-10-25T12:00:00Z", "2026-10-24T22:00:00Z", 25],
  ["America/New_York", "day", "2026-03-08T12:00:00Z", "2026-03-08T05:00:00Z", 23],
  ["America/Santiago", "day", "2026-09-06T12:00:00Z", "2026-09-06T04:00:00Z", 23],
  ["Asia/Kolkata", "day", "2026-01-01T00:00:00Z", "2025-12-31T18:30:00Z", 24],
  ["UTC", "month", "2026-02-10T00:00:00Z", "2026-02-01T00:00:00Z", 28 * 24],
  ["Europe/Berlin", "month", "2026-03-15T00:00:00Z", "2026-02-28T23:00:00Z", 31 * 24 - 1],
  ["Pacific/Apia", "day", "2011-12-29T12:00:00Z", "2011-12-29T10:00:00Z", 24],
] as const)("the %s %s of %s starts at %s and lasts %i hours", ([timeZone, unit, instant, start, hours]) => {
  const { startMs, endMs } = calendarPeriod(unit, timeZone, at(instant));
  expect(new Date(startMs).toISOString()).toBe(new Date(at(start)).toISOString());
  expect((endMs - startMs) / HOUR_MS).toBe(hours);
});

test("periods tile time: the end of one is the start of the next, and every instant lies in its own", () => {
  const zones = [
    "Europe/Berlin",
    "America/Sao_Paulo",
    "Australia/Lord_Howe",
    "America/Havana",
    "Asia/Kathmandu",
  ];
  fc.assert(
    fc.property(
      fc.constantFrom(...zones),
      fc.constantFrom<"day" | "month">("day", "month"),
      fc.integer({ min: at("2000-01-01T00:00:00Z"), max: at("2040-01-01T00:00:00Z") }),
      (timeZone, unit, instant) => {
        const period = calendarPeriod(unit, timeZone, instant);
        expect(period.startMs).toBeLessThanOrEqual(instant);
        expect(period.endMs).toBeGreaterThan(instant);
        expect(calendarPeriod(unit, timeZone, period.endMs).startMs).toBe(period.endMs);
        expect(calendarPeriod(unit, timeZone, period.endMs - 1)).toStrictEqual(period);
      },
    ),
    { numRuns: 150 },
  );
});

test("a calendar window starts anew at local midnight", () => {
  const window = new CalendarWindow("day", "Europe/Berlin");
  const evening = at("2026-10-25T22:59:59.999Z");
  window.add(7, evening, evening);
  expect(window.used(evening)).toBe(7);
  expect(window.freeAfterMs(1, evening)).toBe(1);
  expect(window.used(evening + 1)).toBe(0);
  window.add(9, evening, evening + 1);
  window.remove(9, evening, evening + 1);
  expect(window.used(evening + 1)).toBe(0);
});

test("bad_degrade_and_window_are_config_errors: an unknown time zone is one, not a RangeError", () => {
  expect(() => calendarPeriod("day", "Mars/Olympus", 0)).toThrow(ConfigError);
});
