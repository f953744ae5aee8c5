import { AgentplaneError } from "./errors.ts";

const UNIT_MS = { ms: 1, s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000, w: 604_800_000 } as const;
const MAX_DURATION_MS = 10 * 365 * UNIT_MS.d;

/** What durations look like in a policy, for messages. */
export const DURATION_HINT = 'write a whole number and a unit (ms, s, m, h, d, w), such as "30m"';

/**
 * Reads a duration as policies write it.
 * @param text A positive whole number and a unit: `"500ms"`, `"30s"`, `"30m"`, `"1h"`, `"7d"`, `"2w"`.
 * @returns The duration in milliseconds, or undefined when the text is not one (or is above ten years).
 */
export function parseDurationMs(text: string): number | undefined {
  const match = /^([1-9]\d{0,11})(ms|s|m|h|d|w)$/.exec(text);
  if (match === null) return undefined;
  const unit = match[2];
  if (unit !== "ms" && unit !== "s" && unit !== "m" && unit !== "h" && unit !== "d" && unit !== "w")
    return undefined;
  const durationMs = Number(match[1]) * UNIT_MS[unit];
  return durationMs <= MAX_DURATION_MS ? durationMs : undefined;
}

/**
 * Reads a duration that must be right, such as one given in code.
 * @throws AgentplaneError `duration_invalid`
 */
export function requireDurationMs(text: string): number {
  const durationMs = parseDurationMs(text);
  if (durationMs === undefined) {
    throw new AgentplaneError("duration_invalid", `"${text}" is not a duration; ${DURATION_HINT}`, {
      data: { text },
    });
  }
  return durationMs;
}

/** Writes a duration for people, in the largest whole unit: `90000` → `"90s"`. */
export function formatDuration(durationMs: number): string {
  for (const unit of ["w", "d", "h", "m", "s"] as const) {
    if (durationMs >= UNIT_MS[unit] && durationMs % UNIT_MS[unit] === 0)
      return `${durationMs / UNIT_MS[unit]}${unit}`;
  }
  return durationMs >= 1_000 ? `${Math.ceil(durationMs / 1_000)}s` : `${Math.ceil(durationMs)}ms`;
}
