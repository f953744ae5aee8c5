// A rate window at a limit of 10,000: speed, memory per key, and that no stretch of its length ever holds more.
import { createWindow } from "../packages/core/src/store/window.ts";
import { median, printMachine, report } from "./report.ts";

const LIMIT = 10_000;
const WINDOW_MS = 60_000;
const SPEC = {
  key: "k",
  measure: "calls",
  limit: LIMIT,
  window: { kind: "sliding", windowMs: WINDOW_MS },
} as const;
const START_MS = 1_700_000_000_000;
const OPERATIONS = 1_000_000;
const REPEATS = 9;
const KEYS = 20_000;

/** Asks and counts, as an admission does; the calls of a busy key, a little above its limit. */
function opsPerSecond(): number {
  const window = createWindow(SPEC);
  let nowMs = START_MS;
  const from = performance.now();
  for (let one = 0; one < OPERATIONS; one++) {
    nowMs += one % 6 === 0 ? 33 : 0;
    if (window.used(nowMs) < LIMIT) window.add(1, nowMs, nowMs);
  }
  return OPERATIONS / ((performance.now() - from) / 1_000);
}

/** The exact log that a window replaces: every admitted time, oldest first. */
function mostInAnyStretch(admittedMs: readonly number[]): number {
  let oldest = 0;
  let most = 0;
  for (const [newest, atMs] of admittedMs.entries()) {
    while (admittedMs[oldest]! <= atMs - WINDOW_MS) oldest++;
    most = Math.max(most, newest - oldest + 1);
  }
  return most;
}

/** Floods a window in bursts and pauses and keeps what it admits. */
function admit(calls: number): readonly number[] {
  const window = createWindow(SPEC);
  let nowMs = START_MS;
  const admittedMs: number[] = [];
  for (let call = 0; call < calls; call++) {
    if (call % 1_000 === 0) nowMs += 977 * ((call / 1_000) % 7);
    if (call % 50 === 0) nowMs += 1;
    if (window.used(nowMs) >= LIMIT) continue;
    window.add(1, nowMs, nowMs);
    admittedMs.push(nowMs);
  }
  return admittedMs;
}

function bytesPerKey(): number {
  const before = process.memoryUsage();
  const windows = Array.from({ length: KEYS }, () => {
    const window = createWindow(SPEC);
    window.add(1, START_MS, START_MS);
    return window;
  });
  const after = process.memoryUsage();
  if (windows.length !== KEYS) throw new Error("the windows must be alive while they are measured");
  return (after.heapUsed + after.arrayBuffers - before.heapUsed - before.arrayBuffers) / KEYS;
}

const admittedMs = admit(400_000);
opsPerSecond();
const speed = median(Array.from({ length: REPEATS }, opsPerSecond));
printMachine();
report([
  { name: "operations per second, in millions", measured: speed / 1e6, goal: 5, limit: 2, sense: "atLeast" },
  { name: "bytes per key", measured: bytesPerKey(), goal: 1_024 },
  {
    name: "most calls in any stretch of the window's length",
    measured: mostInAnyStretch(admittedMs),
    goal: LIMIT,
  },
  {
    name: "calls admitted in that test, in thousands",
    measured: admittedMs.length / 1_000,
    goal: 10,
    sense: "atLeast",
  },
]);
