import { ConfigError } from "../base/errors.ts";

/** A day or month of a time zone, as a half-open stretch of epoch ms. */
export interface CalendarPeriod {
  readonly startMs: number;
  readonly endMs: number;
}

/** Longer than any period, a day of a clock change and the day the Pacific zones skipped included. */
const SEARCH_MS = { day: 50 * 3_600_000, month: 33 * 86_400_000 } as const;

const formats = new Map<string, Intl.DateTimeFormat>();
const latest = new Map<string, CalendarPeriod>();

/**
 * The calendar period an instant lies in; days of a clock change have their real 23 or 25 hours.
 * @param unit A calendar day or month.
 * @param timeZone An IANA name such as `Europe/Berlin`.
 * @throws ConfigError for a time zone that is unknown here.
 */
export function calendarPeriod(unit: "day" | "month", timeZone: string, atMs: number): CalendarPeriod {
  const cacheKey = `${unit}:${timeZone}`;
  const known = latest.get(cacheKey);
  if (known !== undefined && atMs >= known.startMs && atMs < known.endMs) return known;
  const nameOf = periodName(unit, timeZone, cacheKey);
  const name = nameOf(atMs);
  // Whole seconds suffice: no zone has changed its offset by less since clocks exist.
  const at = Math.floor(atMs / 1_000) * 1_000;
  const period = {
    startMs: firstSecond(at - SEARCH_MS[unit], at, (ms) => nameOf(ms) === name),
    endMs: firstSecond(at, at + SEARCH_MS[unit], (ms) => nameOf(ms) !== name),
  };
  latest.set(cacheKey, period);
  return period;
}

/** Finds by bisection the first second from which a condition holds; false at `lowMs`, true at `highMs`. */
function firstSecond(lowMs: number, highMs: number, holds: (ms: number) => boolean): number {
  let low = lowMs / 1_000;
  let high = highMs / 1_000;
  while (high - low > 1) {
    const middle = Math.floor((low + high) / 2);
    if (holds(middle * 1_000)) high = middle;
    else low = middle;
  }
  return high * 1_000;
}

function periodName(unit: "day" | "month", timeZone: string, cacheKey: string): (ms: number) => string {
  let format = formats.get(cacheKey);
  if (format === undefined) {
    format = createFormat(unit, timeZone);
    formats.set(cacheKey, format);
  }
  const { format: nameOf } = format;
  return nameOf;
}

function createFormat(unit: "day" | "month", timeZone: string): Intl.DateTimeFormat {
  const month = { timeZone, year: "numeric", month: "2-digit" } as const;
  try {
    return new Intl.DateTimeFormat("en-u-ca-iso8601", unit === "day" ? { ...month, day: "2-digit" } : month);
  } catch (error) {
    const message = `"${timeZone}" is not a time zone known here`;
    throw new ConfigError(
      "limit",
      [{ path: "window.timeZone", message, suggestion: 'use one such as "Europe/Berlin"' }],
      error,
    );
  }
}
