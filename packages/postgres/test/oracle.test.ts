import { memoryState, type LimitSpec, type StateStore } from "@agentplane/core";
import * as fc from "fast-check";
import { afterAll, beforeAll, describe, expect, test } from "vitest";

import { TestSchema } from "./server.ts";
import { hasServer } from "./servers.ts";

type Request = Parameters<StateStore["ledger"]["reserve"]>[0];

const START_MS = Date.UTC(2026, 9, 24, 20, 0, 0);

/** Close to where arithmetic can go wrong: small limits, short windows, a zone that changes its clock that night. */
const SPECS: readonly LimitSpec[] = [
  { key: "calls", measure: "calls", limit: 3, window: { kind: "sliding", windowMs: 1_000 } },
  { key: "many calls", measure: "calls", limit: 2_000, window: { kind: "sliding", windowMs: 7_001 } },
  { key: "overrun log", measure: "calls", limit: 900, window: { kind: "sliding", windowMs: 60_000 } },
  { key: "tokens", measure: "tokens", limit: 100, window: { kind: "sliding", windowMs: 6_000 } },
  { key: "odd \u0000 window", measure: "microUsd", limit: 100, window: { kind: "sliding", windowMs: 997 } },
  {
    key: "day",
    measure: "tokens",
    limit: 150,
    window: { kind: "calendar", unit: "day", timeZone: "Europe/Berlin" },
  },
  {
    key: "month",
    measure: "calls",
    limit: 20,
    window: { kind: "calendar", unit: "month", timeZone: "America/Havana" },
  },
  { key: "ever", measure: "microUsd", limit: 300, window: { kind: "lifetime" } },
];

const spec = fc.constantFrom(...SPECS);
const id = fc.constantFrom("a", "b", "c", "d", "e");
const amount = fc.oneof(
  { weight: 5, arbitrary: fc.nat(60) },
  { weight: 1, arbitrary: fc.constantFrom(0, 200, 600, 5_000) },
);
const item = fc.record({
  spec,
  amount,
  isSoft: fc.boolean(),
  expired: fc.constantFrom("charge" as const, "release" as const),
});
const request: fc.Arbitrary<Request> = fc.record({
  id,
  ttlMs: fc.constantFrom(50, 400, 5_000, 100_000),
  items: fc.array(item, { maxLength: 3 }),
});

type Step =
  | { readonly do: "reserve" | "probe"; readonly request: Request }
  | { readonly do: "settle"; readonly id: string; readonly actuals: readonly (number | undefined)[] }
  | { readonly do: "release"; readonly id: string }
  | { readonly do: "renew"; readonly id: string; readonly ttlMs: number }
  | { readonly do: "grant"; readonly spec: LimitSpec; readonly amount: number }
  | { readonly do: "reset"; readonly spec: LimitSpec }
  | { readonly do: "wait"; readonly ms: number };

const step: fc.Arbitrary<Step> = fc.oneof(
  { weight: 8, arbitrary: fc.record({ do: fc.constant("reserve" as const), request }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constant("probe" as const), request }) },
  {
    weight: 4,
    arbitrary: fc.record({
      do: fc.constant("settle" as const),
      id,
      actuals: fc.array(fc.option(amount, { nil: undefined }), { maxLength: 3 }),
    }),
  },
  { weight: 2, arbitrary: fc.record({ do: fc.constant("release" as const), id }) },
  {
    weight: 1,
    arbitrary: fc.record({ do: fc.constant("renew" as const), id, ttlMs: fc.constantFrom(10, 900, 50_000) }),
  },
  { weight: 1, arbitrary: fc.record({ do: fc.constant("grant" as const), spec, amount: fc.nat(50) }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant("reset" as const), spec }) },
  {
    weight: 8,
    arbitrary: fc.record({
      do: fc.constant("wait" as const),
      ms: fc.constantFrom(
        1,
        17,
        100,
        399,
        1_000,
        5_999,
        60_000,
        3_600_000,
        7_200_000,
        90_000_000,
        8 * 86_400_000,
      ),
    }),
  },
);

describe.skipIf(!hasServer)("the ledger beside the one in memory", () => {
  const schema = new TestSchema();
  let setClock: (nowMs: number) => Promise<void>;
  let store: ReturnType<TestSchema["open"]>;

  beforeAll(async () => {
    setClock = await schema.useTestClock(START_MS);
    store = schema.open();
  });
  afterAll(async () => {
    await store.close();
    await schema.drop();
  });

  test("answers the same to any history, in every window", { timeout: 120_000 }, async () => {
    const runs = Number(process.env["ORACLE_RUNS"] ?? 60);
    await fc.assert(
      fc.asyncProperty(fc.array(step, { minLength: 5, maxLength: 40 }), async (steps) => {
        await schema.empty();
        let nowMs = START_MS;
        await setClock(nowMs);
        const memory = memoryState({ clock: { nowMs: () => nowMs } });
        // oxlint-disable no-await-in-loop -- a history has an order
        for (const [index, one] of steps.entries()) {
          if (one.do === "wait") {
            nowMs += one.ms;
            await setClock(nowMs);
            continue;
          }
          const expected = await play(memory, one);
          expect({ index, answer: await play(store, one) }).toEqual({ index, answer: expected });
          const wanted = await Promise.all(SPECS.map(async (known) => memory.ledger.read(known)));
          expect(await Promise.all(SPECS.map(async (known) => store.ledger.read(known)))).toEqual(wanted);
        }
        // oxlint-enable no-await-in-loop
      }),
      { numRuns: runs, ...(process.env["ORACLE_SEED"] && { seed: Number(process.env["ORACLE_SEED"]) }) },
    );
  });
});

function play({ ledger }: StateStore, one: Exclude<Step, { do: "wait" }>): unknown {
  switch (one.do) {
    case "reserve":
      return ledger.reserve(one.request);
    case "probe":
      return ledger.probe(one.request);
    case "settle":
      return ledger.settle(one.id, one.actuals);
    case "release":
      return ledger.release(one.id);
    case "renew":
      return ledger.renew(one.id, one.ttlMs);
    case "grant":
      return ledger.grant(one.spec, one.amount);
    case "reset":
      return ledger.reset(one.spec.key);
    default:
      throw new Error("unknown step");
  }
}
