import * as fc from "fast-check";
import { expect, test } from "vitest";

import type { LimitSpec, Measure } from "../../src/policy/limit.ts";
import { BucketWindow } from "../../src/store/bucket-window.ts";
import { CallLog } from "../../src/store/call-log.ts";
import { createWindow, withRoomFor } from "../../src/store/window.ts";
import { LimitCell } from "../../src/store/limit-cell.ts";
import { START_MS } from "./test-store.ts";

function specOf(limit: number, windowMs: number, measure: Measure = "calls"): LimitSpec {
  return { key: "k", measure, limit, window: { kind: "sliding", windowMs } };
}

/** Arrivals that bunch up, pause for about a window, and probe its edges. */
const arrivals = (windowMs: number) =>
  fc.array(
    fc.record({
      pauseMs: fc.oneof(
        { weight: 6, arbitrary: fc.constant(0) },
        { weight: 3, arbitrary: fc.integer({ min: 0, max: Math.ceil(windowMs / 50) }) },
        { weight: 2, arbitrary: fc.integer({ min: windowMs - 3, max: windowMs + 3 }) },
        { weight: 1, arbitrary: fc.integer({ min: 0, max: 2 * windowMs }) },
      ),
      amount: fc.integer({ min: 1, max: 4 }),
    }),
    { minLength: 1, maxLength: 150 },
  );

function worstWindow(admitted: readonly { atMs: number; amount: number }[], windowMs: number): number {
  let worst = 0;
  for (const { atMs } of admitted) {
    let sum = 0;
    for (const other of admitted) if (other.atMs > atMs - windowMs && other.atMs <= atMs) sum += other.amount;
    worst = Math.max(worst, sum);
  }
  return worst;
}

test.for([
  ["log", 10, "calls"],
  ["buckets", 10, "tokens"],
] as const)(
  "a %s of limit %i never admits more in any window, and the log agrees with a naive oracle",
  ([kind, limit, measure]) => {
    fc.assert(
      fc.property(
        fc
          .constantFrom(7, 60, 100, 997, 3_600_000)
          .chain((windowMs) => fc.tuple(fc.constant(windowMs), arrivals(windowMs))),
        ([windowMs, bursts]) => {
          const spec = specOf(limit, windowMs, measure);
          const cell = LimitCell.open(spec, START_MS);
          const admitted: { atMs: number; amount: number }[] = [];
          const wrong: unknown[] = [];
          let nowMs = START_MS;
          for (const { pauseMs, amount } of bursts) {
            nowMs += pauseMs;
            const exact = admitted
              .filter(({ atMs }) => atMs > nowMs - windowMs)
              .reduce((sum, one) => sum + one.amount, 0);
            const { isFitting, retryAfterMs } = cell.fit({ spec, amount }, 0, nowMs);
            const mayFit = exact + amount <= limit;
            if (kind === "log" ? isFitting !== mayFit : isFitting && !mayFit)
              wrong.push({ nowMs, amount, isFitting });
            if (isFitting) {
              admitted.push({ atMs: nowMs, amount });
              cell.use(amount, nowMs, nowMs);
            } else if (retryAfterMs !== undefined) {
              // Exactly then, not a millisecond earlier.
              const fitsAt = (atMs: number): boolean =>
                cloneAfter(spec, admitted).fit({ spec, amount }, 0, atMs).isFitting;
              if (!fitsAt(nowMs + retryAfterMs) || fitsAt(nowMs + retryAfterMs - 1))
                wrong.push({ nowMs, amount, retryAfterMs });
            }
          }
          expect(wrong).toStrictEqual([]);
          expect(worstWindow(admitted, windowMs)).toBeLessThanOrEqual(limit);
        },
      ),
      { numRuns: 150 },
    );
  },
);

/** A cell with the same past: looking ahead in time must not touch the one under test. */
function cloneAfter(spec: LimitSpec, admitted: readonly { atMs: number; amount: number }[]): LimitCell {
  const cell = LimitCell.open(spec, START_MS);
  for (const { atMs, amount } of admitted) cell.use(amount, atMs, atMs);
  return cell;
}

test("a phase-adversarial burst at every offset of a bucket stays within the limit", () => {
  const windowMs = 60_000;
  const spec = specOf(5_000, windowMs);
  for (let offset = 0; offset < 1_000; offset += 37) {
    const cell = LimitCell.open(spec, START_MS);
    const admitted: { atMs: number; amount: number }[] = [];
    for (const atMs of [START_MS + offset, START_MS + offset + windowMs - 1, START_MS + offset + windowMs]) {
      let count = 0;
      while (cell.fit({ spec, amount: 1 }, 0, atMs).isFitting) {
        cell.use(1, atMs, atMs);
        count++;
      }
      if (count > 0) admitted.push({ atMs, amount: count });
    }
    expect(admitted[0]).toStrictEqual({ atMs: START_MS + offset, amount: 5_000 });
    expect(worstWindow(admitted, windowMs)).toBeLessThanOrEqual(5_000);
  }
});

test("buckets admit at steady load nearly what an exact log would", () => {
  const spec = specOf(6_000, 60_000);
  const cell = LimitCell.open(spec, START_MS);
  let admitted = 0;
  for (let index = 0; index < 60_000; index++) {
    const nowMs = START_MS + index * 10;
    if (!cell.fit({ spec, amount: 1 }, 0, nowMs).isFitting) continue;
    cell.use(1, nowMs, nowMs);
    admitted++;
  }
  expect(admitted).toBeGreaterThanOrEqual(0.98 * 60_000);
});

test("up to 1,000 calls are logged exactly, more and weighted amounts are bucketed", () => {
  expect(createWindow(specOf(1_000, 1_000))).toBeInstanceOf(CallLog);
  expect(createWindow(specOf(1_001, 1_000))).toBeInstanceOf(BucketWindow);
  expect(createWindow(specOf(10, 1_000, "tokens"))).toBeInstanceOf(BucketWindow);
});

test("a log that overflows becomes buckets and forgets no call", () => {
  const window = createWindow(specOf(10, 1_000));
  expect(withRoomFor(window, 1_000, START_MS)).toBe(window);
  window.add(1_000, START_MS, START_MS);
  const buckets = withRoomFor(window, 1, START_MS + 10);
  expect(buckets).toBeInstanceOf(BucketWindow);
  buckets.add(1, START_MS + 10, START_MS + 10);
  expect(buckets.used(START_MS + 10)).toBe(1_001);
  expect(buckets.used(START_MS + 1_200)).toBe(0);
});

test("what is taken back is taken from its own time", () => {
  fc.assert(
    fc.property(
      fc.array(fc.record({ pauseMs: fc.nat(300), isTakenBack: fc.boolean() }), { maxLength: 60 }),
      (steps) => {
        const log = new CallLog(1_000);
        const kept: number[] = [];
        let nowMs = START_MS;
        for (const { pauseMs, isTakenBack } of steps) {
          nowMs += pauseMs;
          log.add(1, nowMs, nowMs);
          kept.push(nowMs);
          if (isTakenBack) {
            const victim = kept.splice(kept.length >> 1, 1)[0];
            if (victim !== undefined) log.remove(1, victim, nowMs);
          }
          const expected = kept.filter((atMs) => atMs > nowMs - 1_000);
          expect(log.times(nowMs)).toStrictEqual(expected);
        }
      },
    ),
    { numRuns: 100 },
  );
});

test("buckets count late amounts in their own time and never go below zero", () => {
  const window = new BucketWindow(60_000);
  window.add(5, START_MS - 30_000, START_MS);
  window.add(7, START_MS - 120_000, START_MS);
  expect(window.used(START_MS)).toBe(5);
  expect(window.freeAfterMs(5, START_MS)).toBe(31_000);
  window.remove(9, START_MS - 30_000, START_MS);
  expect(window.used(START_MS)).toBe(0);
  expect(window.emptyAtMs(START_MS)).toBe(START_MS);
  window.add(1, START_MS, START_MS);
  expect(window.used(START_MS + 61_000)).toBe(0);
});
