import { expect, test } from "vitest";

import { memoryState } from "../../src/store/memory-state.ts";
import type { LimitSpec } from "../../src/policy/limit.ts";
import type { MemoryLedger } from "../../src/store/memory-ledger.ts";
import { stateStoreContract } from "../../src/testing/state-store-contract.ts";
import { createTestStore } from "./test-store.ts";

const cases = stateStoreContract({ name: "memory", create: () => createTestStore() });

test.for(cases.map((one) => [one.name, one.run] as const))("%s", async ([, run]) => {
  await expect(run()).resolves.toBeUndefined();
});

function callsOf(key: string, limit: number, windowMs = 1_000): LimitSpec {
  return { key, measure: "calls", limit, window: { kind: "sliding", windowMs } };
}

function take(ledger: MemoryLedger, id: string, spec: LimitSpec, ttlMs = 500) {
  return ledger.reserve({ id, ttlMs, items: [{ spec, amount: 1, isSoft: false, expired: "charge" }] });
}

test("above maxKeys a reservation throws state_failed and takes nothing, until a key has become idle", () => {
  const { store, advanceMs } = createTestStore({ maxKeys: 2 });
  take(store.ledger, "a", callsOf("k1", 5));
  take(store.ledger, "b", callsOf("k2", 5));
  expect(() => take(store.ledger, "c", callsOf("k3", 5))).toThrow(
    expect.objectContaining({ code: "state_failed" }),
  );
  expect(store.ledger.read(callsOf("k3", 5))).toStrictEqual({ used: 0, held: 0, limit: 5 });
  expect(take(store.ledger, "d", callsOf("k1", 5))).toMatchObject({ isGranted: true });
  store.ledger.release("b");
  expect(take(store.ledger, "c", callsOf("k3", 5))).toMatchObject({ isGranted: true });
  store.ledger.settle("a", []);
  store.ledger.settle("c", []);
  store.ledger.settle("d", []);
  advanceMs(1_000);
  expect(take(store.ledger, "e", callsOf("k4", 5))).toMatchObject({ isGranted: true });
  expect(take(store.ledger, "f", callsOf("k5", 5))).toMatchObject({ isGranted: true });
});

test("keys in which something lives are never evicted: a held amount, a lifetime use, a grant", () => {
  const { store, advanceMs } = createTestStore({ maxKeys: 3 });
  const lifetime: LimitSpec = { key: "life", measure: "tokens", limit: 10, window: { kind: "lifetime" } };
  store.ledger.reserve({
    id: "l",
    ttlMs: 10,
    items: [{ spec: lifetime, amount: 3, isSoft: false, expired: "charge" }],
  });
  store.ledger.settle("l", []);
  store.ledger.grant(callsOf("granted", 1, 10_000_000), 5);
  take(store.ledger, "held", callsOf("held", 1), 9_000_000);
  advanceMs(8_000_000);
  expect(() => take(store.ledger, "new", callsOf("new", 1))).toThrow(
    expect.objectContaining({ code: "state_failed" }),
  );
  expect(store.ledger.read(lifetime)).toMatchObject({ used: 3 });
  expect(store.ledger.read(callsOf("granted", 1))).toMatchObject({ limit: 6 });
});

test("idle keys make room for new ones, so that many agents leave nothing behind", () => {
  const { store, advanceMs } = createTestStore();
  for (let index = 0; index < 5_000; index++) {
    take(store.ledger, `r${index}`, callsOf(`agent-${index}`, 5));
    store.ledger.settle(`r${index}`, []);
    advanceMs(10);
  }
  expect(store.ledger.keyCount).toBeLessThan(200);
});

test("refused requests and probes leave no key behind", () => {
  const { store } = createTestStore();
  for (let index = 0; index < 100; index++) {
    take(store.ledger, `r${index}`, callsOf(`k${index}`, 0));
    store.ledger.probe({
      id: `p${index}`,
      ttlMs: 1,
      items: [{ spec: callsOf(`p${index}`, 9), amount: 1, isSoft: false, expired: "charge" }],
    });
  }
  expect(store.ledger.keyCount).toBe(0);
});

test("a clock that jumps back neither refills a window nor freezes it", () => {
  const { store, advanceMs, setMs, nowMs } = createTestStore();
  const spec = callsOf("k", 1);
  take(store.ledger, "a", spec);
  const before = nowMs();
  setMs(before - 1_000_000);
  expect(take(store.ledger, "b", spec)).toMatchObject({ isGranted: false });
  setMs(before);
  advanceMs(1_000);
  expect(take(store.ledger, "b", spec)).toMatchObject({ isGranted: true });
});

test("a call made while the clock is back counts from where time really is", () => {
  const { store, advanceMs, setMs, nowMs } = createTestStore();
  const before = nowMs();
  take(store.ledger, "other", callsOf("other", 1));
  setMs(before - 1_000_000);
  take(store.ledger, "a", callsOf("k", 1));
  setMs(before);
  advanceMs(999);
  expect(take(store.ledger, "b", callsOf("k", 1))).toMatchObject({ isGranted: false });
});

test("documents that were rewritten and then left are forgotten in the end", () => {
  const { store, advanceMs } = createTestStore();
  for (let round = 0; round < 2; round++) {
    for (let index = 0; index < 50; index++)
      store.sessions.update(`k${index}`, () => ({ round }), { ttlMs: 1_000 });
    advanceMs(600);
  }
  for (let index = 0; index < 50; index++) {
    advanceMs(200);
    store.sessions.update(`new${index}`, () => ({ index }), { ttlMs: 100 });
  }
  expect(store.sessions.size).toBe(1);
});

test.for([0, -1, 1.5, Number.NaN])("refuses maxKeys %s", (maxKeys) => {
  expect(() => memoryState({ maxKeys })).toThrow(expect.objectContaining({ code: "usage_invalid" }));
});

test("without a clock it counts on the platform's", () => {
  const state = memoryState();
  expect(take(state.ledger, "a", callsOf("k", 1, 60_000))).toMatchObject({ isGranted: true });
  expect(take(state.ledger, "b", callsOf("k", 1, 60_000))).toMatchObject({ isGranted: false });
});
