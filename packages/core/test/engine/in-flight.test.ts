import { expect, test } from "vitest";

import { createInFlightTable, type InFlight } from "../../src/engine/in-flight.ts";

function flight(id: string, startedMs: number): InFlight {
  // The table looks at these members alone.
  return { ruling: { decision: { id } }, call: { callKey: `key-${id}` }, startedMs } as unknown as InFlight;
}

test("forgets admissions that nobody ended, and keeps those that give a sign of life", () => {
  let nowMs = 0;
  const table = createInFlightTable(() => nowMs, 1_000);
  table.add(flight("lost", 0));
  table.add(flight("alive", 0));
  nowMs = 5_000;
  table.touch("alive");
  for (let count = 0; count < 1_100; count++) table.add(flight(`later-${count}`, nowMs));
  expect(table.get("lost")).toBeUndefined();
  expect(table.byCallKey("key-lost")).toBeUndefined();
  expect(table.get("alive")).toBeDefined();
  expect(table.get("later-0")).toBeDefined();
});

test("an admission is taken out once", () => {
  const table = createInFlightTable(() => 0, 1_000);
  table.add(flight("a", 0));
  expect(table.take("a")?.call.callKey).toBe("key-a");
  expect(table.take("a")).toBeUndefined();
  expect(table.byCallKey("key-a")).toBeUndefined();
});

test("an approval request is waiting for the first time once", () => {
  const table = createInFlightTable(() => 0, 1_000);
  expect([table.isFirstAsk("apr"), table.isFirstAsk("apr"), table.isFirstAsk(undefined)]).toEqual([
    true,
    false,
    true,
  ]);
});
