import { deepStrictEqual, ok, rejects, strictEqual } from "node:assert/strict";

import type { Behaviour } from "./contract-case.ts";
import { hard, limitOf, MINUTE, request, soft } from "./contract-requests.ts";

const rate = limitOf(2, "calls", MINUTE);
const budget = limitOf(100);

/** What every ledger promises, whatever keeps it. */
export const LEDGER_BEHAVIOURS: readonly Behaviour[] = [
  [
    "admits up to the limit and refuses what would exceed it",
    async ({ store: { ledger } }) => {
      strictEqual((await ledger.reserve(request("a", [hard(budget, 60)]))).isGranted, true);
      deepStrictEqual(await ledger.reserve(request("b", [hard(budget, 41)])), {
        isGranted: false,
        breaches: [{ index: 0 }],
      });
      strictEqual((await ledger.reserve(request("c", [hard(budget, 40)]))).isGranted, true);
      deepStrictEqual(await ledger.read(budget), { used: 0, held: 100, limit: 100 });
    },
  ],
  [
    "holds nothing of a request when one of its hard limits refuses, and names every exceeded limit",
    async ({ store: { ledger } }) => {
      const none = limitOf(0, "calls", MINUTE);
      const low = limitOf(1);
      const answer = await ledger.reserve(request("a", [hard(budget, 10), hard(none, 1), soft(low, 5)]));
      strictEqual(answer.isGranted, false);
      deepStrictEqual(
        answer.breaches.map(({ index }) => index),
        [1, 2],
      );
      deepStrictEqual(await ledger.read(budget), { used: 0, held: 0, limit: 100 });
      deepStrictEqual(await ledger.read(low), { used: 0, held: 0, limit: 1 });
    },
  ],
  [
    "reports a soft limit, never refuses by it, and charges over it",
    async ({ store: { ledger } }) => {
      const answer = await ledger.reserve(request("a", [soft(budget, 150)]));
      deepStrictEqual(answer, { isGranted: true, breaches: [{ index: 0 }] });
      await ledger.settle("a", [undefined]);
      deepStrictEqual(await ledger.read(budget), { used: 150, held: 0, limit: 100 });
    },
  ],
  [
    "is idempotent by id while a reservation lives",
    async ({ store: { ledger } }) => {
      await ledger.reserve(request("a", [hard(budget, 60), hard(rate, 1)]));
      strictEqual((await ledger.reserve(request("a", [hard(budget, 60), hard(rate, 1)]))).isGranted, true);
      deepStrictEqual(await ledger.read(budget), { used: 0, held: 60, limit: 100 });
      strictEqual((await ledger.read(rate)).used, 1);
    },
  ],
  [
    "settles with the real amount, twice as once, and releases after it nothing",
    async ({ store: { ledger } }) => {
      await ledger.reserve(request("a", [hard(budget, 60)]));
      await ledger.settle("a", [25]);
      await ledger.settle("a", [99]);
      await ledger.release("a");
      deepStrictEqual(await ledger.read(budget), { used: 25, held: 0, limit: 100 });
    },
  ],
  [
    "charges more than was reserved as debt, which blocks the next call",
    async ({ store: { ledger } }) => {
      await ledger.reserve(request("a", [hard(budget, 60)]));
      await ledger.settle("a", [130]);
      strictEqual((await ledger.read(budget)).used, 130);
      strictEqual((await ledger.reserve(request("b", [hard(budget, 1)]))).isGranted, false);
      strictEqual((await ledger.reserve(request("free", [hard(budget, 0)]))).isGranted, true);
    },
  ],
  [
    "a release gives back amounts and calls, a settle keeps the call",
    async ({ store: { ledger } }) => {
      await ledger.reserve(request("a", [hard(budget, 60), hard(rate, 1)]));
      await ledger.release("a");
      await ledger.release("a");
      deepStrictEqual(await ledger.read(budget), { used: 0, held: 0, limit: 100 });
      strictEqual((await ledger.read(rate)).used, 0);
      await ledger.reserve(request("b", [hard(budget, 60), hard(rate, 1)]));
      await ledger.settle("b", [0, undefined]);
      strictEqual((await ledger.read(rate)).used, 1);
    },
  ],
  [
    "a hold whose time is up is charged or given back, as its item says",
    async ({ store: { ledger }, advanceMs }) => {
      const other = limitOf(50);
      await ledger.reserve(request("a", [hard(budget, 60), hard(other, 30, "release")], 200));
      await advanceMs(250);
      deepStrictEqual(await ledger.read(budget), { used: 60, held: 0, limit: 100 });
      deepStrictEqual(await ledger.read(other), { used: 0, held: 0, limit: 50 });
    },
  ],
  [
    "a settle after expiry is charged, as debt if needed, and never twice",
    async ({ store: { ledger }, advanceMs }) => {
      const other = limitOf(50);
      await ledger.reserve(request("a", [hard(budget, 60), hard(other, 50, "release")], 200));
      await advanceMs(250);
      strictEqual((await ledger.reserve(request("b", [hard(other, 40)]))).isGranted, true);
      await ledger.settle("a", [70, 45]);
      await ledger.settle("a", [70, 45]);
      strictEqual((await ledger.read(budget)).used, 70);
      deepStrictEqual(await ledger.read(other), { used: 45, held: 40, limit: 50 });
    },
  ],
  [
    "a renewed hold lives on",
    async ({ store: { ledger }, advanceMs }) => {
      await ledger.reserve(request("a", [hard(budget, 60)], 300));
      await advanceMs(200);
      await ledger.renew("a", 300);
      await advanceMs(200);
      deepStrictEqual(await ledger.read(budget), { used: 0, held: 60, limit: 100 });
    },
  ],
  [
    "a probe answers what a reservation would, and takes nothing",
    async ({ store: { ledger } }) => {
      strictEqual((await ledger.probe(request("a", [hard(budget, 100)]))).isGranted, true);
      strictEqual((await ledger.probe(request("a", [hard(budget, 101)]))).isGranted, false);
      deepStrictEqual(await ledger.read(budget), { used: 0, held: 0, limit: 100 });
    },
  ],
  [
    "says exactly when a sliding window has room again",
    async ({ store: { ledger }, advanceMs }) => {
      const brief = limitOf(1, "calls", { kind: "sliding", windowMs: 600 });
      await ledger.reserve(request("a", [hard(brief, 1)]));
      const [breach] = (await ledger.reserve(request("b", [hard(brief, 1)]))).breaches;
      const retryAfterMs = breach?.retryAfterMs ?? 0;
      ok(retryAfterMs > 0 && retryAfterMs <= 600);
      await advanceMs(retryAfterMs);
      strictEqual((await ledger.reserve(request("b", [hard(brief, 1)]))).isGranted, true);
    },
  ],
  [
    "a grant adds to the limit; a reset forgets what was used and keeps what is held",
    async ({ store: { ledger } }) => {
      await ledger.reserve(request("a", [hard(budget, 60)]));
      await ledger.settle("a", [undefined]);
      await ledger.reserve(request("b", [hard(budget, 40)]));
      await ledger.grant(budget, 20);
      deepStrictEqual(await ledger.read(budget), { used: 60, held: 40, limit: 120 });
      await ledger.reset(budget.key);
      deepStrictEqual(await ledger.read(budget), { used: 0, held: 40, limit: 120 });
    },
  ],
  [
    "a changed number keeps what was counted",
    async ({ store: { ledger } }) => {
      await ledger.reserve(request("a", [hard(budget, 60)]));
      strictEqual((await ledger.reserve(request("b", [hard({ ...budget, limit: 50 }, 1)]))).isGranted, false);
      strictEqual(
        (await ledger.reserve(request("b", [hard({ ...budget, limit: 200 }, 140)]))).isGranted,
        true,
      );
    },
  ],
  [
    "refuses amounts that do not add up",
    async ({ store: { ledger } }) => {
      const wrong = [Number.NaN, -1, 0.5, Infinity];
      await Promise.all(
        wrong.map((amount) =>
          rejects(async () => ledger.reserve(request("a", [hard(budget, amount)])), {
            code: "usage_invalid",
          }),
        ),
      );
      await rejects(async () => ledger.settle("a", [-1]), { code: "usage_invalid" });
    },
  ],
];
