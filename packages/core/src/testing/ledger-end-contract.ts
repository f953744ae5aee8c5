import { deepStrictEqual, ok, strictEqual } from "node:assert/strict";

import type { Behaviour } from "./contract-case.ts";
import { hard, limitOf, MINUTE, request, soft } from "./contract-requests.ts";

const rate = limitOf(5, "calls", MINUTE);
const budget = limitOf(100);

/** What every ledger promises about the ends of calls, in whichever order and however often they come. */
export const LEDGER_END_BEHAVIOURS: readonly Behaviour[] = [
  [
    "an end of what was never reserved, and of what has ended, changes nothing",
    async ({ store: { ledger } }) => {
      await ledger.settle("unknown", [5]);
      await ledger.release("unknown");
      await ledger.renew("unknown", 1_000);
      await ledger.reserve(request("a", [hard(budget, 60), hard(rate, 1)]));
      await ledger.release("a");
      await ledger.settle("a", [60]);
      await ledger.renew("a", 1_000);
      deepStrictEqual(await ledger.read(budget), { used: 0, held: 0, limit: 100 });
      strictEqual((await ledger.read(rate)).used, 0);
    },
  ],
  [
    "an id that has ended may be reserved again, as a call of its own",
    async ({ store: { ledger } }) => {
      await ledger.reserve(request("a", [hard(budget, 60)]));
      await ledger.settle("a", [10]);
      strictEqual((await ledger.reserve(request("a", [hard(budget, 60)]))).isGranted, true);
      deepStrictEqual(await ledger.read(budget), { used: 10, held: 60, limit: 100 });
      await ledger.settle("a", [20]);
      deepStrictEqual(await ledger.read(budget), { used: 30, held: 0, limit: 100 });
    },
  ],
  [
    "a release after expiry gives back what expiry charged, once",
    async ({ store: { ledger }, advanceMs }) => {
      await ledger.reserve(request("a", [hard(budget, 60), hard(rate, 2)], 200));
      await advanceMs(250);
      strictEqual((await ledger.read(budget)).used, 60);
      await ledger.release("a");
      await ledger.release("a");
      deepStrictEqual(await ledger.read(budget), { used: 0, held: 0, limit: 100 });
      strictEqual((await ledger.read(rate)).used, 0);
    },
  ],
  [
    "a settle after expiry charges less where less was used",
    async ({ store: { ledger }, advanceMs }) => {
      await ledger.reserve(request("a", [hard(budget, 60)], 200));
      await advanceMs(250);
      await ledger.settle("a", [15]);
      await ledger.settle("a", [15]);
      deepStrictEqual(await ledger.read(budget), { used: 15, held: 0, limit: 100 });
    },
  ],
  [
    "a renewal after expiry revives nothing: the room may be another's",
    async ({ store: { ledger }, advanceMs }) => {
      const other = limitOf(50);
      await ledger.reserve(request("a", [hard(other, 50, "release")], 200));
      await advanceMs(250);
      await ledger.renew("a", 10_000);
      strictEqual((await ledger.reserve(request("b", [hard(other, 50)]))).isGranted, true);
      deepStrictEqual(await ledger.read(other), { used: 0, held: 50, limit: 50 });
    },
  ],
  [
    "a call that expires with release is as if it had never been, a call that expires with charge stays",
    async ({ store: { ledger }, advanceMs }) => {
      await ledger.reserve(request("a", [hard(rate, 1, "release")], 200));
      await ledger.reserve(request("b", [hard(rate, 1, "charge")], 200));
      strictEqual((await ledger.read(rate)).used, 2);
      await advanceMs(250);
      strictEqual((await ledger.read(rate)).used, 1);
    },
  ],
  [
    "a reservation repeated with other amounts replaces what it held, and is judged without it",
    async ({ store: { ledger } }) => {
      await ledger.reserve(request("a", [hard(budget, 60), hard(rate, 1)]));
      strictEqual((await ledger.probe(request("a", [hard(budget, 90), hard(rate, 1)]))).isGranted, true);
      strictEqual((await ledger.reserve(request("a", [hard(budget, 90), hard(rate, 1)]))).isGranted, true);
      deepStrictEqual(await ledger.read(budget), { used: 0, held: 90, limit: 100 });
      strictEqual((await ledger.read(rate)).used, 1);
      strictEqual((await ledger.reserve(request("a", [hard(budget, 101)]))).isGranted, false);
      deepStrictEqual(await ledger.read(budget), { used: 0, held: 90, limit: 100 });
    },
  ],
  [
    "a repeated reservation lives as long as one that is made now",
    async ({ store: { ledger }, advanceMs }) => {
      await ledger.reserve(request("a", [hard(budget, 60)], 300));
      await advanceMs(200);
      await ledger.reserve(request("a", [hard(budget, 60)], 300));
      await advanceMs(200);
      deepStrictEqual(await ledger.read(budget), { used: 0, held: 60, limit: 100 });
    },
  ],
  [
    "a repeated reservation names the soft limits again that it exceeded",
    async ({ store: { ledger } }) => {
      const first = await ledger.reserve(request("a", [soft(budget, 150)]));
      deepStrictEqual(await ledger.reserve(request("a", [soft(budget, 150)])), first);
      strictEqual((await ledger.read(budget)).held, 150);
    },
  ],
  [
    "what a reset forgot is not taken back a second time",
    async ({ store: { ledger } }) => {
      await ledger.reserve(request("a", [hard(rate, 2)]));
      await ledger.reset(rate.key);
      await ledger.reserve(request("b", [hard(rate, 1)]));
      await ledger.release("a");
      strictEqual((await ledger.read(rate)).used, 1);
    },
  ],
  [
    "one request that names a key twice needs room for both",
    async ({ store: { ledger } }) => {
      const twice = await ledger.reserve(request("a", [hard(budget, 60), hard(budget, 60)]));
      deepStrictEqual(twice, { isGranted: false, breaches: [{ index: 1 }] });
      ok((await ledger.reserve(request("b", [hard(budget, 60), hard(budget, 40)]))).isGranted);
      await ledger.settle("b", [1, 2]);
      deepStrictEqual(await ledger.read(budget), { used: 3, held: 0, limit: 100 });
    },
  ],
];
