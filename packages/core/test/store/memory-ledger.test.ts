import * as fc from "fast-check";
import { expect, test } from "vitest";

import type { LimitSpec, Window } from "../../src/policy/limit.ts";
import type { ReserveItem } from "../../src/store/state-store.ts";
import { createTestStore, START_MS } from "./test-store.ts";

function tokens(limit: number, key = "t", window: Window = { kind: "lifetime" }): LimitSpec {
  return { key, measure: "tokens", limit, window };
}

function calls(limit: number, key = "c", windowMs = 1_000): LimitSpec {
  return { key, measure: "calls", limit, window: { kind: "sliding", windowMs } };
}

function item(spec: LimitSpec, amount = 1, more: Partial<ReserveItem> = {}): ReserveItem {
  return { spec, amount, isSoft: false, expired: "charge", ...more };
}

test("rate_is_per_agent_and_per_policy: keys count apart, two calls of A leave B's window empty", () => {
  const { store } = createTestStore();
  const ofA = calls(2, "policy-1/agent-a");
  const ofB = calls(2, "policy-1/agent-b");
  store.ledger.reserve({ id: "1", ttlMs: 100, items: [item(ofA)] });
  store.ledger.reserve({ id: "2", ttlMs: 100, items: [item(ofA)] });
  expect(store.ledger.reserve({ id: "3", ttlMs: 100, items: [item(ofA)] })).toMatchObject({
    isGranted: false,
  });
  expect(store.ledger.reserve({ id: "4", ttlMs: 100, items: [item(ofB)] })).toMatchObject({
    isGranted: true,
  });
  expect(
    store.ledger.reserve({ id: "5", ttlMs: 100, items: [item(calls(2, "policy-2/agent-a"))] }),
  ).toMatchObject({
    isGranted: true,
  });
});

test("a call that runs longer than its window stops counting, an amount held stays held", () => {
  const { store, advanceMs } = createTestStore();
  const sliding = tokens(10, "t", { kind: "sliding", windowMs: 1_000 });
  store.ledger.reserve({ id: "1", ttlMs: 60_000, items: [item(calls(1)), item(sliding, 10)] });
  advanceMs(1_000);
  expect(store.ledger.read(calls(1))).toMatchObject({ used: 0 });
  expect(store.ledger.read(sliding)).toMatchObject({ held: 10 });
  expect(store.ledger.probe({ id: "2", ttlMs: 1, items: [item(sliding)] })).toStrictEqual({
    isGranted: false,
    breaches: [{ index: 0 }],
  });
});

test("one request that names a key twice needs room for both", () => {
  const { store } = createTestStore();
  const answer = store.ledger.reserve({
    id: "1",
    ttlMs: 10,
    items: [item(tokens(10), 6), item(tokens(10), 6)],
  });
  expect(answer).toStrictEqual({ isGranted: false, breaches: [{ index: 1 }] });
});

test("a resumed call under a policy changed meanwhile takes only what is new and gives back what is gone", () => {
  const { store } = createTestStore();
  store.ledger.reserve({
    id: "1",
    ttlMs: 1_000,
    items: [item(calls(1)), item(tokens(100), 60), item(tokens(50, "old"), 50)],
  });
  const again = store.ledger.reserve({
    id: "1",
    ttlMs: 1_000,
    items: [item(calls(1)), item(tokens(100), 80), item(tokens(9, "new"), 9)],
  });
  expect(again).toStrictEqual({ isGranted: true, breaches: [] });
  expect(store.ledger.read(calls(1))).toMatchObject({ used: 1 });
  expect(store.ledger.read(tokens(100))).toMatchObject({ held: 80 });
  expect(store.ledger.read(tokens(50, "old"))).toMatchObject({ held: 0 });
  expect(store.ledger.read(tokens(9, "new"))).toMatchObject({ held: 9 });
});

test("a resumed call that no longer fits is refused and keeps what it holds", () => {
  const { store } = createTestStore();
  store.ledger.reserve({ id: "1", ttlMs: 1_000, items: [item(tokens(100), 60)] });
  store.ledger.reserve({ id: "2", ttlMs: 1_000, items: [item(tokens(100), 40)] });
  expect(store.ledger.reserve({ id: "1", ttlMs: 1_000, items: [item(tokens(100), 61)] })).toMatchObject({
    isGranted: false,
  });
  expect(store.ledger.read(tokens(100))).toStrictEqual({ used: 0, held: 100, limit: 100 });
});

test("a call resumed after its hold expired that no longer fits stays charged", () => {
  const { store, advanceMs } = createTestStore();
  store.ledger.reserve({ id: "1", ttlMs: 100, items: [item(tokens(100), 60)] });
  advanceMs(200);
  expect(store.ledger.reserve({ id: "1", ttlMs: 100, items: [item(tokens(100), 101)] })).toMatchObject({
    isGranted: false,
  });
  expect(store.ledger.read(tokens(100))).toMatchObject({ used: 60, held: 0 });
});

test("a resumed call is no longer counted by a rate that no longer concerns it", () => {
  const { store } = createTestStore();
  store.ledger.reserve({ id: "1", ttlMs: 1_000, items: [item(calls(1)), item(tokens(100), 60)] });
  store.ledger.reserve({ id: "1", ttlMs: 1_000, items: [item(tokens(100), 60)] });
  expect(store.ledger.read(calls(1))).toMatchObject({ used: 0 });
  expect(store.ledger.read(tokens(100))).toMatchObject({ held: 60 });
});

test("a call resumed after its hold expired is not charged twice", () => {
  const { store, advanceMs } = createTestStore();
  const items = [item(tokens(100), 60), item(calls(1, "c", 60_000))];
  store.ledger.reserve({ id: "1", ttlMs: 100, items });
  advanceMs(200);
  expect(store.ledger.read(tokens(100))).toMatchObject({ used: 60, held: 0 });
  expect(store.ledger.reserve({ id: "1", ttlMs: 100, items })).toMatchObject({ isGranted: true });
  expect(store.ledger.read(tokens(100))).toMatchObject({ used: 0, held: 60 });
  store.ledger.settle("1", [20, undefined]);
  expect(store.ledger.read(tokens(100))).toMatchObject({ used: 20, held: 0 });
  expect(store.ledger.read(calls(1, "c", 60_000))).toMatchObject({ used: 1 });
});

test("a release after expiry takes the charge back; a late renewal revives nothing", () => {
  const { store, advanceMs } = createTestStore();
  store.ledger.reserve({ id: "1", ttlMs: 100, items: [item(tokens(100), 60), item(calls(1, "c", 60_000))] });
  advanceMs(200);
  store.ledger.renew("1", 1_000);
  expect(store.ledger.read(tokens(100))).toMatchObject({ used: 60, held: 0 });
  store.ledger.release("1");
  expect(store.ledger.read(tokens(100))).toMatchObject({ used: 0, held: 0 });
  expect(store.ledger.read(calls(1, "c", 60_000))).toMatchObject({ used: 0 });
});

test("after a reset a release takes nothing from those who came later", () => {
  const { store } = createTestStore();
  const spec = calls(5_000);
  store.ledger.reserve({ id: "1", ttlMs: 100, items: [item(spec)] });
  store.ledger.reset(spec.key);
  store.ledger.reserve({ id: "2", ttlMs: 100, items: [item(spec)] });
  store.ledger.release("1");
  expect(store.ledger.read(spec)).toMatchObject({ used: 1 });
});

test("a grant of a sliding limit lasts one window, of a calendar limit until its end", () => {
  const { store, advanceMs } = createTestStore();
  const day = tokens(10, "day", { kind: "calendar", unit: "day", timeZone: "UTC" });
  store.ledger.grant(calls(1), 4);
  store.ledger.grant(day, 4);
  expect(store.ledger.read(calls(1))).toMatchObject({ limit: 5 });
  advanceMs(1_000);
  expect(store.ledger.read(calls(1))).toMatchObject({ limit: 1 });
  expect(store.ledger.read(day)).toMatchObject({ limit: 14 });
  advanceMs(86_400_000);
  expect(store.ledger.read(day)).toMatchObject({ limit: 10 });
});

test("retryAfterMs of a calendar limit is the rest of the period; of a lifetime limit there is none", () => {
  const { store } = createTestStore({ startMs: START_MS + 3_600_000 });
  const day = tokens(10, "day", { kind: "calendar", unit: "day", timeZone: "UTC" });
  store.ledger.reserve({ id: "1", ttlMs: 100, items: [item(day, 10), item(tokens(10), 10)] });
  store.ledger.settle("1", []);
  const { breaches } = store.ledger.probe({
    id: "2",
    ttlMs: 1,
    items: [item(day, 1), item(tokens(10), 1), item(day, 11)],
  });
  expect(breaches).toStrictEqual([{ index: 0, retryAfterMs: 23 * 3_600_000 }, { index: 1 }, { index: 2 }]);
});

test.for(["", "1"])("a hold needs an id and a time to live (id %j)", (id) => {
  const { store } = createTestStore();
  const ttlMs = id === "" ? 10 : 0;
  expect(() => store.ledger.reserve({ id, ttlMs, items: [] })).toThrow(
    expect.objectContaining({ code: "usage_invalid" }),
  );
  expect(() => store.ledger.renew("x", Number.NaN)).toThrow(
    expect.objectContaining({ code: "usage_invalid" }),
  );
});

interface Live {
  readonly amount: number;
  expiresAtMs: number;
}

const step = fc.oneof(
  {
    weight: 5,
    arbitrary: fc.record({
      do: fc.constant("reserve" as const),
      id: fc.nat(15),
      amount: fc.nat(60),
      ttlMs: fc.integer({ min: 1, max: 300 }),
    }),
  },
  {
    weight: 3,
    arbitrary: fc.record({
      do: fc.constant("settle" as const),
      id: fc.nat(15),
      actual: fc.option(fc.nat(40), { nil: undefined }),
    }),
  },
  fc.record({ do: fc.constant("release" as const), id: fc.nat(15) }),
  fc.record({ do: fc.constant("renew" as const), id: fc.nat(15), ttlMs: fc.integer({ min: 1, max: 300 }) }),
  { weight: 2, arbitrary: fc.record({ do: fc.constant("wait" as const), forMs: fc.nat(200) }) },
);

test("used + held never exceeds a hard limit, whatever the order of reserve, settle, release, renew and expiry", () => {
  fc.assert(
    fc.property(
      fc.array(step, { maxLength: 80 }),
      fc.constantFrom<"charge" | "release">("charge", "release"),
      (steps, expired) => {
        const { store, advanceMs, nowMs } = createTestStore();
        const spec = tokens(100);
        const live = new Map<number, Live>();
        let used = 0;
        const expire = (): void => {
          for (const [id, { amount, expiresAtMs }] of live) {
            if (expiresAtMs > nowMs()) continue;
            live.delete(id);
            if (expired === "charge") used += amount;
          }
        };
        const held = (): number => [...live.values()].reduce((sum, { amount }) => sum + amount, 0);
        const seen = new Set<number>();
        const wrong: unknown[] = [];
        for (const one of steps) {
          expire();
          switch (one.do) {
            case "reserve": {
              // Ids of ended calls are not used again: attempts have their own.
              if (seen.has(one.id) && !live.has(one.id)) break;
              const hold = live.get(one.id);
              const amount = hold?.amount ?? one.amount;
              const fits = hold !== undefined || amount === 0 || used + held() + amount <= 100;
              const answer = store.ledger.reserve({
                id: `${one.id}`,
                ttlMs: one.ttlMs,
                items: [item(spec, amount, { expired })],
              });
              if (answer.isGranted !== fits) wrong.push({ one, used, held: held() });
              if (fits) live.set(one.id, { amount, expiresAtMs: nowMs() + one.ttlMs });
              if (fits) seen.add(one.id);
              break;
            }
            case "settle": {
              const hold = live.get(one.id);
              // A late end is charged as debt, which this invariant is not about.
              if (hold === undefined) break;
              // Without debt: no more is used than was reserved.
              const actual = one.actual === undefined ? undefined : Math.min(one.actual, hold.amount);
              store.ledger.settle(`${one.id}`, [actual]);
              live.delete(one.id);
              used += actual ?? hold.amount;
              break;
            }
            case "release":
              if (!live.delete(one.id)) break;
              store.ledger.release(`${one.id}`);
              break;
            case "renew": {
              store.ledger.renew(`${one.id}`, one.ttlMs);
              const hold = live.get(one.id);
              if (hold !== undefined) hold.expiresAtMs = nowMs() + one.ttlMs;
              break;
            }
            case "wait":
              advanceMs(one.forMs);
              break;
          }
          expire();
          expect(store.ledger.read(spec)).toStrictEqual({ used, held: held(), limit: 100 });
          expect(used + held()).toBeLessThanOrEqual(100);
        }
        expect(wrong).toStrictEqual([]);
      },
    ),
    { numRuns: 400 },
  );
});

test("late ends of any kind leave an account equal to what really was used", () => {
  fc.assert(
    fc.property(
      fc.array(
        fc.record({ amount: fc.nat(50), actual: fc.nat(80), isLate: fc.boolean(), isReleased: fc.boolean() }),
        { maxLength: 20 },
      ),
      fc.constantFrom<"charge" | "release">("charge", "release"),
      (ends, expired) => {
        const { store, advanceMs } = createTestStore();
        const spec = tokens(1_000_000);
        let used = 0;
        for (const [index, { amount, actual, isLate, isReleased }] of ends.entries()) {
          store.ledger.reserve({ id: `${index}`, ttlMs: 100, items: [item(spec, amount, { expired })] });
          if (isLate) advanceMs(150);
          if (isReleased) store.ledger.release(`${index}`);
          else store.ledger.settle(`${index}`, [actual]);
          if (!isReleased) used += actual;
          expect(store.ledger.read(spec)).toMatchObject({ used, held: 0 });
        }
      },
    ),
    { numRuns: 200 },
  );
});

test("a limit's own object that comes again counts in the ledger it is given to, and nowhere else", () => {
  const spec = Object.freeze(calls(1));
  const shared = calls(1);
  for (const one of [spec, shared]) {
    const [first, second] = [createTestStore(), createTestStore()];
    for (const { store } of [first, second]) {
      const granted = (id: string) => store.ledger.reserve({ id, ttlMs: 100, items: [item(one)] }).isGranted;
      expect([granted("1"), granted("2")]).toStrictEqual([true, false]);
    }
    expect(first.store.ledger.read(one)).toMatchObject({ used: 1 });
  }
});

test("a limit that was forgotten while idle is counted anew under its own object", () => {
  const { store, advanceMs } = createTestStore();
  const spec = calls(2);
  const reserve = (id: string, of = spec) => store.ledger.reserve({ id, ttlMs: 10, items: [item(of)] });
  reserve("1");
  store.ledger.settle("1", []);
  advanceMs(5_000);
  // A new key looks for idle ones to forget.
  reserve("2", calls(2, "other"));
  expect(store.ledger.keyCount).toBe(1);
  expect([reserve("3"), reserve("4"), reserve("5")].map(({ isGranted }) => isGranted)).toStrictEqual([
    true,
    true,
    false,
  ]);
  // By its key alone it is the same limit.
  expect(store.ledger.read(calls(2))).toMatchObject({ used: 2 });
});
