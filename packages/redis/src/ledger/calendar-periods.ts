import { calendarPeriod, type CalendarPeriod } from "@agentplane/core/store";

const MAX_KNOWN = 64;
const known = new Map<string, readonly CalendarPeriod[]>();

/**
 * The calendar period around an instant and its neighbours: the server's clock decides which of them it is in.
 * @param unit A calendar day or month.
 * @param timeZone An IANA name.
 * @throws ConfigError for a time zone that is unknown here
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
  const current = calendarPeriod(unit, timeZone, atMs);
  const periods = [
    calendarPeriod(unit, timeZone, current.startMs - 1),
    current,
    calendarPeriod(unit, timeZone, current.endMs),
  ];
  if (known.size >= MAX_KNOWN) known.clear();
  known.set(key, periods);
  return periods;
}
