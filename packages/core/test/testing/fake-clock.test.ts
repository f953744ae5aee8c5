import { array, assert, nat, property } from "fast-check";
import { expect, test } from "vitest";

import { createSteadyClock } from "../../src/base/ports.ts";
import { createFakeClock } from "../../src/testing/fake-clock.ts";

test("stands still until it is moved, from a fixed start", () => {
  const clock = createFakeClock();
  expect(clock.wallMs()).toBe(Date.UTC(2026, 0, 1));
  expect(clock.elapsedMs()).toBe(0);
  clock.advance(1_500);
  expect(clock.wallMs()).toBe(Date.UTC(2026, 0, 1) + 1_500);
  expect(clock.elapsedMs()).toBe(1_500);
  expect(createFakeClock({ startMs: 7 }).wallMs()).toBe(7);
});

test("fires what is due at its own time and in order, and nothing before", () => {
  const clock = createFakeClock();
  const fired: [string, number][] = [];
  const note = (name: string) => () => void fired.push([name, clock.elapsedMs()]);
  clock.set(note("late"), 30);
  clock.set(note("early"), 10);
  clock.set(note("early too"), 10);
  clock.advance(9);
  expect(fired).toStrictEqual([]);
  clock.advance(20);
  expect(fired).toStrictEqual([
    ["early", 10],
    ["early too", 10],
  ]);
  clock.advance(1);
  expect(fired).toHaveLength(3);
  expect(clock.pending).toBe(0);
});

test("fires timers that were set by timers within the step", () => {
  const clock = createFakeClock();
  const fired: number[] = [];
  const again = (): void => {
    fired.push(clock.elapsedMs());
    if (fired.length < 10) clock.set(again, 10);
  };
  clock.set(again, 10);
  clock.advance(35);
  expect(fired).toStrictEqual([10, 20, 30]);
  expect(clock.elapsedMs()).toBe(35);
});

test("a cancelled timer does not fire", () => {
  const clock = createFakeClock();
  let isFired = false;
  const cancel = clock.set(() => {
    isFired = true;
  }, 10);
  expect(clock.pending).toBe(1);
  cancel();
  expect(clock.pending).toBe(0);
  clock.advance(10);
  expect(isFired).toBe(false);
});

test("a delay that is no positive number means at once", () => {
  const clock = createFakeClock();
  let fired = 0;
  for (const delayMs of [0, -5, Number.NaN]) clock.set(() => void fired++, delayMs);
  clock.advance(0);
  expect(fired).toBe(3);
});

test("a jump moves only the wall clock: a steady clock and the timers do not notice", () => {
  const clock = createFakeClock({ startMs: 1_000_000 });
  const steady = createSteadyClock(clock);
  let isFired = false;
  clock.set(() => {
    isFired = true;
  }, 10);
  clock.jumpWall(-500_000);
  expect(clock.wallMs()).toBe(500_000);
  expect(clock.elapsedMs()).toBe(0);
  expect(steady.nowMs()).toBe(1_000_000);
  clock.jumpWall(10_000_000);
  expect(isFired).toBe(false);
});

test("an asynchronous step lets what awaits a timer go on and set the next one", async () => {
  const clock = createFakeClock();
  const times: number[] = [];
  const sleep = (ms: number): Promise<void> => new Promise((resolve) => void clock.set(resolve, ms));
  const work = (async () => {
    // The first timer is set only after several turns of promises.
    for (let turn = 0; turn < 20; turn++) await Promise.resolve(); // oxlint-disable-line no-await-in-loop -- in turn
    await sleep(10);
    times.push(clock.elapsedMs());
    await sleep(10);
    times.push(clock.elapsedMs());
  })();
  await clock.advanceAsync(20);
  expect(times).toStrictEqual([10, 20]);
  await work;
});

test.for([-1, Number.NaN, Infinity])("refuses to advance by %s", async (ms) => {
  const clock = createFakeClock();
  expect(() => clock.advance(ms)).toThrow(expect.objectContaining({ code: "usage_invalid" }));
  await expect(clock.advanceAsync(ms)).rejects.toMatchObject({ code: "usage_invalid" });
});

/** What fires, and when, while the clock takes these steps. */
function fire(delaysMs: readonly number[], steps: readonly number[]): readonly string[] {
  const clock = createFakeClock();
  const fired: string[] = [];
  for (const [index, delayMs] of delaysMs.entries()) {
    clock.set(() => fired.push(`${index}@${clock.elapsedMs()}`), delayMs);
  }
  for (const step of steps) clock.advance(step);
  return fired;
}

test("many small steps fire the same as one large step", () => {
  const delays = array(nat(100), { maxLength: 20 });
  assert(
    property(delays, array(nat(30), { minLength: 1, maxLength: 10 }), (delaysMs, steps) => {
      const total = steps.reduce((sum, step) => sum + step, 0);
      expect(fire(delaysMs, steps)).toStrictEqual(fire(delaysMs, [total]));
    }),
  );
});
