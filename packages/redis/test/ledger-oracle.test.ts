/* oxlint-disable no-await-in-loop -- what happens one after the other is what is tested */
import { memoryState, type LedgerStore, type LimitSpec } from "@agentplane/core";
import * as fc from "fast-check";
import { afterAll, describe, expect, test } from "vitest";

import { dropNamespace, freshNamespace } from "./open-state.ts";
import { hasRedis } from "./servers.ts";
import { openVirtualLedger } from "./virtual-ledger.ts";

/** Ahead of the server, so that no key expires by its clock. */
const START_MS = Date.now() + 10 * 86_400_000;

/** As large as sums stay exact, with what settling and granting add in a run. */
const HUGE = 2 ** 53 - 2 ** 20;

const specs: readonly LimitSpec[] = [
  { key: "log", measure: "calls", limit: 3, window: { kind: "sliding", windowMs: 1_000 } },
  { key: "slices", measure: "tokens", limit: 100, window: { kind: "sliding", windowMs: 6_007 } },
  { key: "many calls", measure: "calls", limit: 1_500, window: { kind: "sliding", windowMs: 3_000 } },
  {
    key: "day",
    measure: "microUsd",
    limit: 100,
    window: { kind: "calendar", unit: "day", timeZone: "Europe/Berlin" },
  },
  {
    key: "month",
    measure: "calls",
    limit: 5,
    window: { kind: "calendar", unit: "month", timeZone: "Asia/Kolkata" },
  },
  { key: "life", measure: "tokens", limit: 200, window: { kind: "lifetime" } },
  { key: "huge", measure: "microUsd", limit: HUGE, window: { kind: "lifetime" } },
];

const spec = fc.constantFrom(...specs).chain((one) =>
  fc.constantFrom(one.limit, Math.ceil(one.limit / 2), Math.min(one.limit * 2, HUGE)).map((limit) => ({
    ...one,
    limit: one.key === "many calls" ? one.limit : limit,
  })),
);
const amountOf = (one: LimitSpec): fc.Arbitrary<number> =>
  one.key === "huge"
    ? fc.integer({ min: 0, max: 2 ** 52 })
    : fc.integer({ min: 0, max: Math.ceil(one.limit / 2) });
const item = spec.chain((one) =>
  fc.record({
    spec: fc.constant(one),
    amount: amountOf(one),
    // A soft limit is counted beyond its end, where doubles no longer hold every integer.
    isSoft: one.key === "huge" ? fc.constant(false) : fc.boolean(),
    expired: fc.constantFrom("charge" as const, "release" as const),
  }),
);
const id = fc.constantFrom("a", "b", "c", "d");
const request = fc.record({
  id,
  ttlMs: fc.integer({ min: 1, max: 4_000 }),
  items: fc.array(item, { minLength: 1, maxLength: 4 }),
});

type Step = (ledger: LedgerStore) => unknown;
const step: fc.Arbitrary<{ readonly name: string; readonly run: Step; readonly ms?: number }> = fc.oneof(
  {
    weight: 6,
    arbitrary: request.map((one) => ({
      name: `reserve ${JSON.stringify(one)}`,
      run: (ledger: LedgerStore) => ledger.reserve(one),
    })),
  },
  {
    weight: 2,
    arbitrary: request.map((one) => ({
      name: `probe ${JSON.stringify(one)}`,
      run: (ledger: LedgerStore) => ledger.probe(one),
    })),
  },
  {
    weight: 3,
    arbitrary: fc
      .tuple(id, fc.array(fc.option(fc.integer({ min: 0, max: 120 }), { nil: undefined }), { maxLength: 4 }))
      .map(([one, actuals]) => ({
        name: `settle ${one} ${String(actuals)}`,
        run: (ledger: LedgerStore) => ledger.settle(one, actuals),
      })),
  },
  {
    weight: 2,
    arbitrary: id.map((one) => ({
      name: `release ${one}`,
      run: (ledger: LedgerStore) => ledger.release(one),
    })),
  },
  {
    weight: 1,
    arbitrary: fc.tuple(id, fc.integer({ min: 1, max: 4_000 })).map(([one, ttlMs]) => ({
      name: `renew ${one} ${ttlMs}`,
      run: (ledger: LedgerStore) => ledger.renew(one, ttlMs),
    })),
  },
  {
    weight: 1,
    arbitrary: fc.tuple(spec, fc.integer({ min: 0, max: 50 })).map(([one, amount]) => ({
      name: `grant ${one.key} ${amount}`,
      run: (ledger: LedgerStore) => ledger.grant(one, amount),
    })),
  },
  {
    weight: 1,
    arbitrary: spec.map((one) => ({
      name: `reset ${one.key}`,
      run: (ledger: LedgerStore) => ledger.reset(one.key),
    })),
  },
  {
    weight: 4,
    arbitrary: fc
      .constantFrom(1, 17, 250, 999, 1_000, 2_500, 7_000, 90_000_000, 40 * 86_400_000)
      .map((ms) => ({ name: `+${ms} ms`, run: () => undefined, ms })),
  },
);

describe.skipIf(!hasRedis)("the ledger against the one in memory", () => {
  const namespace = freshNamespace();
  let nowMs = START_MS;
  const virtual = openVirtualLedger(namespace, () => nowMs);
  afterAll(async () => {
    await virtual.close();
    await dropNamespace(namespace);
  });

  test("answers every sequence of operations alike, whatever time passes in between", async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(step, { minLength: 1, maxLength: 40 }), async (steps) => {
        nowMs = START_MS;
        const oracle = memoryState({ clock: { nowMs: () => nowMs } }).ledger;
        const ledger = virtual.restart();
        for (const { name, run, ms = 0 } of steps) {
          nowMs += ms;
          expect({ name, answer: await run(ledger) }).toEqual({ name, answer: await run(oracle) });
          for (const one of specs) {
            const state = { of: one.key, after: name, ...(await ledger.read(one)) };
            expect(state).toEqual({ of: one.key, after: name, ...oracle.read(one) });
          }
        }
      }),
      { numRuns: Number(process.env["AGENTPLANE_RUNS"] ?? 150) },
    );
  });
});
