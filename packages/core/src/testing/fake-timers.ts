import type { Timers } from "../base/ports.ts";

/** Timers that fire when they are told to. */
export interface FakeTimers extends Timers {
  /** Timers that have neither fired nor been cancelled. */
  readonly pending: number;
  /** When the next timer is due, in elapsed ms; undefined when none is pending. */
  nextDueMs(): number | undefined;
  /** Fires the timer that is due next, even before its time; nothing happens when none is pending. */
  fireNext(): void;
}

interface Timer {
  readonly run: () => void;
  readonly dueMs: number;
}

/**
 * Creates timers on a clock that the test holds. They fire by due time, equal ones in the order they were set.
 * @param elapsedMs Reads the clock.
 */
export function createFakeTimers(elapsedMs: () => number): FakeTimers {
  const timers = new Set<Timer>();
  const next = (): Timer | undefined => {
    let first: Timer | undefined;
    // A set iterates in the order of insertion, so the strict comparison keeps equal timers in that order.
    for (const timer of timers) if (first === undefined || timer.dueMs < first.dueMs) first = timer;
    return first;
  };
  return {
    get pending() {
      return timers.size;
    },
    set(run, delayMs) {
      // As in every runtime, a delay that is no positive number means at once.
      const timer: Timer = { run, dueMs: elapsedMs() + (delayMs > 0 ? delayMs : 0) };
      timers.add(timer);
      return () => {
        timers.delete(timer);
      };
    },
    nextDueMs: () => next()?.dueMs,
    fireNext() {
      const timer = next();
      if (timer === undefined) return;
      timers.delete(timer);
      timer.run();
    },
  };
}
