import { expect, test } from "vitest";

import { msSince } from "../../src/base/ms-since.ts";

test.each([
  [100.25, 112.2624889999, 12.012],
  [0, 0.0004, 0],
  [1_000, 1_000, 0],
  [7, 60_007, 60_000],
])("says what has passed between %d and %d to the microsecond", (startedMs, nowMs, passed) => {
  expect(msSince({ wallMs: () => 0, elapsedMs: () => nowMs }, startedMs)).toBe(passed);
});
