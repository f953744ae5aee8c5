import type { LimitSpec } from "@agentplane/core";

import { periodsAround } from "./calendar-periods.ts";

/** Above it, buckets replace the exact log of calls, as in core. */
const MAX_LOGGED_CALLS = 1_000;

/**
 * How a limit counts, as text: `log:<ms>`, `bucket:<ms>`, `calendar:<unit>:<zone>` or `lifetime`. It is kept with every
 * hold, so that another process can end what it has not reserved.
 */
export type LimitShape = string;

/** The shape of a limit that counts for the first time; later its record knows. */
export function shapeOf({ window, measure, limit }: LimitSpec): LimitShape {
  if (window.kind === "lifetime") return "lifetime";
  if (window.kind === "calendar") return `calendar:${window.unit}:${window.timeZone}`;
  return `${measure === "calls" && limit <= MAX_LOGGED_CALLS ? "log" : "bucket"}:${window.windowMs}`;
}

/** Whether a limit remembers the time of every call. */
export function isExactLog(spec: LimitSpec): boolean {
  return shapeOf(spec).startsWith("log:");
}

/**
 * The periods around the server's present, for a shape that counts in calendar days or months; nothing for others.
 * @param serverMs About what the server's clock shows: it decides itself which of the periods it is in.
 */
export function periodsOf(shape: LimitShape, serverMs: number): readonly number[] | undefined {
  if (!shape.startsWith("calendar:")) return undefined;
  const [, unit, ...rest] = shape.split(":");
  const periods = periodsAround(unit === "month" ? "month" : "day", rest.join(":"), serverMs);
  return periods.flatMap(({ startMs, endMs }) => [startMs, endMs]);
}
