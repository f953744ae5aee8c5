import { afterEach, beforeEach, expect, test, vi } from "vitest";

import { ownPorts } from "../src/own-ports.ts";

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

test("what is to be done later than a timer can be set to is not done at once", () => {
  const run = vi.fn<() => void>();
  // As of `tidyMs`, by half as much again at most.
  ownPorts().timers.set(run, 1.5 * (2 ** 31 - 1));
  vi.advanceTimersByTime(86_400_000);
  expect(run).not.toHaveBeenCalled();
});
