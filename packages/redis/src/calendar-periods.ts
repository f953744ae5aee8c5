/** A day or month of a time zone, as a half-open stretch of epoch ms. */
export interface CalendarPeriod {
  readonly startMs: number;
  readonly endMs: number;
}

/** Longer than any period, a day of a clock change and the day the Pacific zones skipped included. */
const SEARCH_MS = { day: 50 * 3_600_000, month: 33 * 86_400_000 } as const;
const MAX_KNOWN = 64;

const formats = new Map<string, Intl.DateTimeFormat>();
const known = new Map<string, readonly CalendarPeriod[]>();

/**
 * The calendar period around an instant and its neighbours: the server's clock decides which of them it is in.
 * @param unit A calendar day or month.
 * @param timeZone An IANA name.
 * @throws RangeError for a time zone that is unknown here
 */
export function periodsAround(
  unit: "day" | "month",
  timeZone: string,
  atMs: number,
): readonly CalendarPeriod[] {
  const key = `${unit}:${timeZone}`;
  const found = known.get(key);
  const middle = found?.[1];
  if (found !== undefined && middle !== undefined && atMs >= middle.startMs && atMs < middle.endMs)
    return found;
  const current = periodAt(unit, timeZone, atMs);
  const periods = [
    periodAt(unit, timeZone, current.startMs - 1),
    current,
    periodAt(unit, timeZone, current.endMs),
  ];
  if (known.size >= MAX_KNOWN) known.clear();
  known.set(key, periods);
  return periods;
}

function periodAt(unit: "day" | "month", timeZone: string, atMs: number): CalendarPeriod {
  const format = formatOf(unit, timeZone);
  const name = format.format(atMs);
  // Whole seconds suffice: no zone has changed its offset by less since clocks exist.
  const at = Math.floor(atMs / 1_000) * 1_000;
  const isIn = (ms: number): boolean => format.format(ms) === name;
  return {
    startMs: firstSecond(at - SEARCH_MS[unit], at, isIn),
    endMs: firstSecond(at, at + SEARCH_MS[unit], (ms) => !isIn(ms)),
  };
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

function formatOf(unit: "day" | "month", timeZone: string): Intl.DateTimeFormat {
  const key = `${unit}:${timeZone}`;
  const made = formats.get(key);
  if (made !== undefined) return made;
  const month = { timeZone, year: "numeric", month: "2-digit" } as const;
  const format = new Intl.DateTimeFormat(
    "en-u-ca-iso8601",
    unit === "day" ? { ...month, day: "2-digit" } : month,
  );
  formats.set(key, format);
  return format;
}
