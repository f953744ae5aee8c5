import type { MachineClock } from "../../src/node/machine-clock.ts";

/** A machine whose time stands still until it is told to pass. */
export interface TestMachine extends MachineClock {
  advanceMs(durationMs: number): void;
  /** The machine sleeps: only its uptime goes on. */
  sleepMs(durationMs: number): void;
  /** The same machine as a process sees it whose wall clock is off. */
  skewedMs(offsetMs: number): MachineClock;
  /** The machine starts again, with whatever wall clock it then has. */
  restarted(wallMs: number, bootId?: string): TestMachine;
}

/** 2026-03-01T00:00:00Z. */
export const START_MS = 1_772_323_200_000;

export function createTestMachine(startMs = START_MS, bootId: string | undefined = "boot-1"): TestMachine {
  let passedMs = 0;
  let sleptMs = 0;
  const sinceStartMs = 1_000;
  const skewedMs = (offsetMs: number): MachineClock => ({
    wallMs: () => startMs + passedMs + sleptMs + offsetMs,
    elapsedMs: () => sinceStartMs + passedMs,
    uptimeMs: () => sinceStartMs + passedMs + sleptMs,
    bootId,
  });
  return {
    ...skewedMs(0),
    advanceMs: (durationMs) => void (passedMs += durationMs),
    sleepMs: (durationMs) => void (sleptMs += durationMs),
    skewedMs,
    restarted: (wallMs, nextBootId = "boot-2") => createTestMachine(wallMs, nextBootId),
  };
}
