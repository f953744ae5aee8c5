import { deepStrictEqual, ok, strictEqual } from "node:assert/strict";

import type { LedgerStore } from "../store/state-store.ts";
import type { Behaviour, StoreUnderTest } from "./contract-case.ts";
import { hard, limitOf, MINUTE, request } from "./contract-requests.ts";

const budget = limitOf(100);

/** The ledgers of both processes in turn. */
function ledgersOf({ store, second = store }: StoreUnderTest): (index: number) => LedgerStore {
  return (index) => (index % 2 === 0 ? store.ledger : second.ledger);
}

/** What every ledger promises to several callers at once, in one process or two. */
export const SHARED_LEDGER_BEHAVIOURS: readonly Behaviour[] = [
  [
    "hundreds of reservations at once never overspend",
    async (subject) => {
      const ledgerOf = ledgersOf(subject);
      const many = Array.from({ length: 400 }, async (_, index) =>
        ledgerOf(index).reserve(request(`r${index}`, [hard(budget, 7)])),
      );
      const granted = (await Promise.all(many)).filter(({ isGranted }) => isGranted);
      strictEqual(granted.length, 14);
      deepStrictEqual(await ledgerOf(1).read(budget), { used: 0, held: 98, limit: 100 });
    },
  ],
  [
    "requests that name the same limits in other orders all come through, each whole or not at all",
    async (subject) => {
      const ledgerOf = ledgersOf(subject);
      const limits = [limitOf(40, "tokens"), limitOf(41, "tokens"), limitOf(42, "tokens")];
      const many = Array.from({ length: 240 }, async (_, index) => {
        const turned = [...limits.slice(index % 3), ...limits.slice(0, index % 3)];
        const order = index % 2 === 0 ? turned : turned.toReversed();
        return ledgerOf(index).reserve(
          request(
            `r${index}`,
            order.map((spec) => hard(spec, 1)),
          ),
        );
      });
      const granted = (await Promise.all(many)).filter(({ isGranted }) => isGranted);
      strictEqual(granted.length, 40);
      const held = await Promise.all(limits.map(async (spec) => (await ledgerOf(1).read(spec)).held));
      deepStrictEqual(held, [40, 40, 40]);
    },
  ],
  [
    "one id reserved at once by many is taken once",
    async (subject) => {
      const ledgerOf = ledgersOf(subject);
      const rate = limitOf(5, "calls", MINUTE);
      const same = Array.from({ length: 40 }, async (_, index) =>
        ledgerOf(index).reserve(request("same", [hard(budget, 60), hard(rate, 1)])),
      );
      ok((await Promise.all(same)).every(({ isGranted }) => isGranted));
      deepStrictEqual(await ledgerOf(0).read(budget), { used: 0, held: 60, limit: 100 });
      strictEqual((await ledgerOf(1).read(rate)).used, 1);
    },
  ],
  [
    "of many ends of one call at once exactly one counts",
    async (subject) => {
      const ledgerOf = ledgersOf(subject);
      await ledgerOf(0).reserve(request("a", [hard(budget, 60)]));
      await Promise.all(
        Array.from({ length: 40 }, async (_, index) =>
          index % 4 < 2 ? ledgerOf(index).settle("a", [25]) : ledgerOf(index).release("a"),
        ),
      );
      const { used, held } = await ledgerOf(1).read(budget);
      strictEqual(held, 0);
      ok(used === 25 || used === 0, `used is ${used}`);
    },
  ],
  [
    "the account of hundreds of calls that end in every way is exact",
    async (subject) => {
      const ledgerOf = ledgersOf(subject);
      const wide = limitOf(1_000_000);
      let expected = 0;
      await Promise.all(
        Array.from({ length: 300 }, async (_, index) => {
          const id = `r${index}`;
          await ledgerOf(index).reserve(request(id, [hard(wide, 100)]));
          // Another process may end what this one began.
          const end = ledgerOf(index + (index % 3));
          if (index % 5 === 0) return end.release(id);
          expected += index;
          await end.settle(id, [index]);
          await ledgerOf(index).settle(id, [index]);
        }),
      );
      deepStrictEqual(await ledgerOf(0).read(wide), { used: expected, held: 0, limit: 1_000_000 });
    },
  ],
  [
    "a process whose own clock is hours off neither ends another's hold nor refills its window",
    async (subject) => {
      const { advanceMs } = subject;
      const [ledger, other] = [ledgersOf(subject)(0), ledgersOf(subject)(1)];
      const rate = limitOf(1, "calls", { kind: "sliding", windowMs: 800 });
      await ledger.reserve(request("a", [hard(budget, 60), hard(rate, 1)], 600));
      deepStrictEqual(await other.read(budget), { used: 0, held: 60, limit: 100 });
      const refused = await other.reserve(request("b", [hard(rate, 1)]));
      strictEqual(refused.isGranted, false);
      const retryAfterMs = refused.breaches[0]?.retryAfterMs ?? 0;
      ok(retryAfterMs > 0 && retryAfterMs <= 800, `retryAfterMs is ${retryAfterMs}`);
      await advanceMs(900);
      strictEqual((await other.reserve(request("b", [hard(rate, 1)], 600))).isGranted, true);
      deepStrictEqual(await ledger.read(budget), { used: 60, held: 0, limit: 100 });
      strictEqual((await ledger.reserve(request("c", [hard(rate, 1)]))).isGranted, false);
    },
  ],
  [
    "what an operator grants and resets in one process counts in the other",
    async (subject) => {
      const ledgerOf = ledgersOf(subject);
      await ledgerOf(0).reserve(request("a", [hard(budget, 100)]));
      await ledgerOf(0).settle("a", [100]);
      await ledgerOf(1).grant(budget, 20);
      strictEqual((await ledgerOf(0).reserve(request("b", [hard(budget, 20)]))).isGranted, true);
      await ledgerOf(1).reset(budget.key);
      deepStrictEqual(await ledgerOf(0).read(budget), { used: 0, held: 20, limit: 120 });
    },
  ],
  [
    "keys that look alike are accounts of their own: tenants, cases, prefixes, and any Unicode",
    async ({ store, second = store }) => {
      const names = [
        "4:acme",
        "4:acmes",
        "4:ACME",
        "é",
        "e\u0301",
        "\u{1f600}",
        "\u{1f600}\u{1f3fd}",
        "שלום",
        "a*",
        "a%",
        "a_",
        "a{b}",
        "a b",
        "a\nb",
        "'\"\\",
      ];
      const limits = names.map((name) => limitOf(10, "tokens", undefined, name));
      await Promise.all(
        limits.map(async (spec, index) =>
          store.ledger.reserve(request(`id ${spec.key}`, [hard(spec, (index % 10) + 1)])),
        ),
      );
      const held = await Promise.all(limits.map(async (spec) => (await second.ledger.read(spec)).held));
      deepStrictEqual(
        held,
        names.map((_, index) => (index % 10) + 1),
      );
      await Promise.all(limits.map(async ({ key }) => second.ledger.release(`id ${key}`)));
      const left = await Promise.all(limits.map(async (spec) => (await store.ledger.read(spec)).held));
      deepStrictEqual(
        left,
        names.map(() => 0),
      );
    },
  ],
];
