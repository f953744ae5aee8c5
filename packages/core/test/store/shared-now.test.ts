import { expect, test } from "vitest";

import { sharedNowMs } from "../../src/store/shared-now.ts";

const OWN = { nowMs: () => 5_000 };

test("counts by the process where a store has no time, or does not know it yet", () => {
  let toldMs: number | undefined;
  expect(sharedNowMs({}, OWN)()).toBe(5_000);
  const nowMs = sharedNowMs({ nowMs: () => toldMs }, OWN);
  expect(nowMs()).toBe(5_000);
  toldMs = 1_000.7;
  // What is told counts, also where it is earlier than what the process believed.
  expect(nowMs()).toBe(1_000);
});

test("never goes back: a server whose clock is set back ends nothing early and refills nothing", () => {
  let toldMs = 9_000;
  const nowMs = sharedNowMs({ nowMs: () => toldMs }, OWN);
  expect(nowMs()).toBe(9_000);
  toldMs = 2_000;
  expect(nowMs()).toBe(9_000);
  toldMs = 9_001;
  expect(nowMs()).toBe(9_001);
});

test("refuses what is no time: by it every claim of another process would be over", () => {
  expect(sharedNowMs({ nowMs: () => NaN }, OWN)).toThrow(expect.objectContaining({ code: "state_failed" }));
});
