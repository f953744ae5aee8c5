import type { Clock } from "./ports.ts";

const PER_MS = 1_000;

/**
 * How many milliseconds have passed, to the microsecond: what a clock says beyond is noise, and would make the text of
 * every duration long and new.
 * @param startedMs What `elapsedMs` said at the start.
 */
export function msSince(clock: Clock, startedMs: number): number {
  return Math.round((clock.elapsedMs() - startedMs) * PER_MS) / PER_MS;
}
