import { deepStrictEqual, ok, strictEqual } from "node:assert/strict";

import type { Behaviour } from "./contract-case.ts";
import { hard, limitOf, request } from "./contract-requests.ts";

const DAY_MS = 86_400_000;

/** What every ledger promises about the windows it counts in. */
export const WINDOW_BEHAVIOURS: readonly Behaviour[] = [
  [
    "a sliding window of amounts never admits more than its limit, and has room again after it",
    async ({ store: { ledger }, advanceMs }) => {
      const sliding = limitOf(100, "tokens", { kind: "sliding", windowMs: 600 });
      await ledger.reserve(request("a", [hard(sliding, 100)]));
      await ledger.settle("a", [100]);
      const [breach] = (await ledger.reserve(request("b", [hard(sliding, 1)]))).breaches;
      const retryAfterMs = breach?.retryAfterMs ?? 0;
      // One slice of 60 more than the window at most: the oldest slice counts whole until all of it is outside.
      ok(retryAfterMs > 0 && retryAfterMs <= 620, `retryAfterMs is ${retryAfterMs}`);
      await advanceMs(retryAfterMs + 1);
      strictEqual((await ledger.reserve(request("b", [hard(sliding, 100)]))).isGranted, true);
    },
  ],
  [
    "a rate above 1,000 calls is counted too",
    async ({ store: { ledger }, advanceMs }) => {
      const fast = limitOf(5_000, "calls", { kind: "sliding", windowMs: 600 });
      strictEqual((await ledger.reserve(request("a", [hard(fast, 4_999)]))).isGranted, true);
      strictEqual((await ledger.reserve(request("b", [hard(fast, 1)]))).isGranted, true);
      strictEqual((await ledger.reserve(request("c", [hard(fast, 1)]))).isGranted, false);
      strictEqual((await ledger.read(fast)).used, 5_000);
      await advanceMs(650);
      strictEqual((await ledger.read(fast)).used, 0);
    },
  ],
  [
    "a limit raised above 1,000 calls keeps what was counted",
    async ({ store: { ledger } }) => {
      const low = limitOf(900, "calls", { kind: "sliding", windowMs: 60_000 }, "grown");
      strictEqual((await ledger.reserve(request("a", [hard(low, 900)]))).isGranted, true);
      const high = { ...low, limit: 2_000 };
      strictEqual((await ledger.reserve(request("b", [hard(high, 1_000)]))).isGranted, true);
      strictEqual((await ledger.read(high)).used, 1_900);
      strictEqual((await ledger.reserve(request("c", [hard(high, 101)]))).isGranted, false);
    },
  ],
  [
    "a calendar window ends with its day, in its own time zone",
    async ({ store: { ledger } }) => {
      for (const timeZone of ["UTC", "Europe/Berlin", "Asia/Kathmandu", "Pacific/Apia"]) {
        const daily = limitOf(10, "tokens", { kind: "calendar", unit: "day", timeZone }, `daily:${timeZone}`);
        // oxlint-disable-next-line no-await-in-loop -- one after the other, on a limit each
        await ledger.reserve(request(timeZone, [hard(daily, 10)]));
        // oxlint-disable-next-line no-await-in-loop
        await ledger.settle(timeZone, [10]);
        // oxlint-disable-next-line no-await-in-loop
        const answer = await ledger.reserve(request(`${timeZone}2`, [hard(daily, 1)]));
        strictEqual(answer.isGranted, false);
        const left = answer.breaches[0]?.retryAfterMs ?? 0;
        ok(left > 0 && left <= DAY_MS + 3_600_000, `${timeZone}: retryAfterMs is ${left}`);
      }
    },
  ],
  [
    "a grant lasts as long as its window",
    async ({ store: { ledger }, advanceMs }) => {
      const sliding = limitOf(10, "tokens", { kind: "sliding", windowMs: 400 });
      await ledger.grant(sliding, 5);
      strictEqual((await ledger.read(sliding)).limit, 15);
      await advanceMs(450);
      strictEqual((await ledger.read(sliding)).limit, 10);
    },
  ],
  [
    "counts whole amounts up to 2^53 without rounding",
    async ({ store: { ledger } }) => {
      const huge = limitOf(Number.MAX_SAFE_INTEGER, "microUsd");
      const amount = 4_503_599_627_370_497;
      await ledger.reserve(request("a", [hard(huge, amount)]));
      deepStrictEqual(await ledger.read(huge), { used: 0, held: amount, limit: Number.MAX_SAFE_INTEGER });
      await ledger.settle("a", [amount]);
      strictEqual((await ledger.read(huge)).used, amount);
      strictEqual((await ledger.reserve(request("b", [hard(huge, amount)]))).isGranted, false);
    },
  ],
  [
    "takes 64 limits in one request, or none of them",
    async ({ store: { ledger } }) => {
      const limits = Array.from({ length: 64 }, (_, index) => limitOf(10, "tokens", undefined, `k${index}`));
      const items = limits.map((spec) => hard(spec, 6));
      strictEqual((await ledger.reserve(request("a", items))).isGranted, true);
      const refused = await ledger.reserve(request("b", items.with(0, hard(limitOf(6, "tokens"), 6))));
      deepStrictEqual(
        refused.breaches.map(({ index }) => index),
        Array.from({ length: 63 }, (_, index) => index + 1),
      );
      strictEqual((await ledger.read(limitOf(6, "tokens"))).held, 0);
    },
  ],
];
