import { afterEach, beforeEach, expect, test, vi } from "vitest";

import { createPatience } from "../src/http/approval-wait.ts";

beforeEach(() => void vi.useFakeTimers({ toFake: ["performance"] }));
afterEach(() => void vi.useRealTimers());

test.each([
  ["no longer than half of what the SDK waits", "10", 5_000],
  ["as long as the application wants, where that is shorter", "600", 60_000],
  ["as long as the application wants, where the SDK does not say", null, 60_000],
  ["as long as the application wants, where what it says is no time", "soon", 60_000],
  ["not at all, where the SDK does not wait", "0", 0],
])("a request waits for humans %s", (_name, header, expected) => {
  expect(createPatience({ header: () => header }, 60_000)()).toBe(expected);
});

test("all waits of a request together last no longer than one may", () => {
  const leftMs = createPatience({ header: () => "10" }, 60_000);
  vi.advanceTimersByTime(3_000);
  expect(leftMs()).toBe(2_000);
  vi.advanceTimersByTime(3_000);
  expect(leftMs()).toBe(0);
});
