import { setImmediate } from "node:timers/promises";

import { AgentplaneError } from "../base/errors.ts";
import type { Clock, Timers } from "../base/ports.ts";
import { createFakeTimers } from "./fake-timers.ts";

/** A clock and its timers, both standing still until the test moves them. */
export interface FakeClock extends Clock, Timers {
  /** Timers that have neither fired nor been cancelled. */
  readonly pending: number;
  /**
   * Moves time forward and fires what becomes due, in order, each at its own time; also timers set meanwhile.
   * @param ms Milliseconds from 0.
   */
  advance(ms: number): void;
  /** The same, letting promises settle before each timer and at the end: what awaits a timer has then gone on. */
  advanceAsync(ms: number): Promise<void>;
  /**
   * Sets the wall clock forward or, below 0, back; elapsed time and timers do not notice.
   * @param ms Milliseconds.
   */
  jumpWall(ms: number): void;
}

/** 1 January 2026, 00:00 UTC: a fixed start, so that a test reads the same on every day. */
const DEFAULT_START_MS = 1_767_225_600_000;

/**
 * Creates a clock that the test holds.
 * @param options `startMs`: wall time at the start, epoch ms; default 1 January 2026. Elapsed time starts at 0.
 * @example
 * const clock = createFakeClock();
 * const plane = createAgentPlane({ ports: createTestPorts({ clock }) });
 * clock.advance(60_000);
 */
export function createFakeClock(options: { readonly startMs?: number } = {}): FakeClock {
  const { startMs = DEFAULT_START_MS } = options;
  let nowMs = 0;
  let wallOffsetMs = startMs;
  const timers = createFakeTimers(() => nowMs);
  /** Fires the next timer that is due by then; false when none is. */
  const fireDue = (untilMs: number): boolean => {
    const dueMs = timers.nextDueMs();
    if (dueMs === undefined || dueMs > untilMs) return false;
    nowMs = Math.max(nowMs, dueMs);
    timers.fireNext();
    return true;
  };
  return {
    get pending() {
      return timers.pending;
    },
    wallMs: () => wallOffsetMs + nowMs,
    elapsedMs: () => nowMs,
    set: (run, delayMs) => timers.set(run, delayMs),
    advance(ms) {
      const untilMs = nowMs + forward(ms);
      while (fireDue(untilMs));
      nowMs = Math.max(nowMs, untilMs);
    },
    async advanceAsync(ms) {
      const untilMs = nowMs + forward(ms);
      // A turn of the event loop, and not one promise: it lasts until every microtask is done.
      // oxlint-disable-next-line no-await-in-loop -- what one timer wakes may set the next one
      do await setImmediate();
      while (fireDue(untilMs));
      nowMs = Math.max(nowMs, untilMs);
    },
    jumpWall(ms) {
      wallOffsetMs += ms;
    },
  };
}

function forward(ms: number): number {
  if (Number.isFinite(ms) && ms >= 0) return ms;
  throw new AgentplaneError(
    "usage_invalid",
    `a clock cannot be advanced by ${ms} ms; use jumpWall to set it back`,
  );
}
