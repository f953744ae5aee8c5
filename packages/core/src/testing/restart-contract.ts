import { deepStrictEqual, ok, strictEqual } from "node:assert/strict";

import type { StateStore } from "../store/state-store.ts";
import type { Behaviour, StoreUnderTest } from "./contract-case.ts";
import { hard, limitOf, MINUTE, request } from "./contract-requests.ts";

/** Ends every process on a state and starts another. */
export async function restart({ store, second, reopen }: StoreUnderTest): Promise<StateStore> {
  if (reopen === undefined) throw new Error("a durable store is opened again with `reopen`");
  await second?.close();
  await store.close();
  return reopen();
}

/** Goes on in a process that was started later. */
export function overRestart<T>(
  before: (subject: StoreUnderTest) => Promise<T>,
  after: (store: StateStore, kept: T, subject: StoreUnderTest) => Promise<void>,
): Behaviour[1] {
  return async (subject) => {
    const kept = await before(subject);
    const store = await restart(subject);
    try {
      await after(store, kept, subject);
    } finally {
      await store.close();
    }
  };
}

const budget = limitOf(100);
const rate = limitOf(3, "calls", MINUTE);
const daily = limitOf(50, "tokens", { kind: "calendar", unit: "day", timeZone: "Asia/Kathmandu" });
const COLLECTIONS = ["controls", "ladders", "approvals", "sessions", "admissions", "versions"] as const;

/** What a store that outlives its process promises to the one that comes after. */
export const RESTART_BEHAVIOURS: readonly Behaviour[] = [
  [
    "over a restart: every collection keeps its documents, as they were and under their names",
    overRestart(
      async ({ store }) => {
        for (const name of COLLECTIONS) {
          // oxlint-disable-next-line no-await-in-loop -- one after the other, as a process writes them
          await store[name].update("a\u0000ü\u{1f600}", () => ({
            of: name,
            n: 1.5,
            none: null,
            list: [name],
          }));
          // oxlint-disable-next-line no-await-in-loop
          await store[name].update("gone", () => 1);
          // oxlint-disable-next-line no-await-in-loop
          await store[name].update("gone", () => undefined);
        }
      },
      async (store) => {
        const found = await Promise.all(COLLECTIONS.map(async (name) => store[name].list("")));
        deepStrictEqual(
          found,
          COLLECTIONS.map((name) => [["a\u0000ü\u{1f600}", { of: name, n: 1.5, none: null, list: [name] }]]),
        );
        const next = await store.controls.update<{ n: number }>("a\u0000ü\u{1f600}", (old) => ({
          n: (old?.n ?? 0) + 1,
        }));
        deepStrictEqual(next, { n: 2.5 });
      },
    ),
  ],
  [
    "over a restart: a document is forgotten at its time, and not before",
    overRestart(
      async ({ store }) => {
        await store.sessions.update("short", () => 1, { ttlMs: 600 });
        await store.sessions.update("long", () => 2, { ttlMs: 600_000 });
      },
      async (store, _, { advanceMs }) => {
        strictEqual(await store.sessions.read("long"), 2);
        await advanceMs(700);
        deepStrictEqual(await store.sessions.list(""), [["long", 2]]);
      },
    ),
  ],
  [
    "over a restart: what was used, held and granted stays, in every kind of window",
    overRestart(
      async ({ store: { ledger } }) => {
        await ledger.reserve(request("ended", [hard(budget, 30), hard(rate, 1), hard(daily, 7)]));
        await ledger.settle("ended", [20, undefined, 5]);
        await ledger.reserve(request("running", [hard(budget, 50), hard(rate, 1), hard(daily, 9)], 60_000));
        await ledger.grant(budget, 11);
      },
      async ({ ledger }) => {
        deepStrictEqual(await ledger.read(budget), { used: 20, held: 50, limit: 111 });
        deepStrictEqual(await ledger.read(rate), { used: 2, held: 0, limit: 3 });
        deepStrictEqual(await ledger.read(daily), { used: 5, held: 9, limit: 50 });
        strictEqual((await ledger.reserve(request("too much", [hard(budget, 42)]))).isGranted, false);
        strictEqual(
          (await ledger.reserve(request("fits", [hard(budget, 41), hard(rate, 1)]))).isGranted,
          true,
        );
        strictEqual((await ledger.reserve(request("one more", [hard(rate, 1)]))).isGranted, false);
      },
    ),
  ],
  [
    "over a restart: a call that was running is ended by whoever comes after, once, or made again under its id",
    overRestart(
      async ({ store: { ledger } }) => {
        await ledger.reserve(request("ended later", [hard(budget, 40), hard(rate, 1)], 60_000));
        await ledger.reserve(request("made again", [hard(budget, 30), hard(rate, 1)], 60_000));
      },
      async ({ ledger }) => {
        await ledger.settle("ended later", [15]);
        await ledger.settle("ended later", [15]);
        await ledger.release("ended later");
        const again = await ledger.reserve(request("made again", [hard(budget, 30), hard(rate, 1)], 60_000));
        strictEqual(again.isGranted, true);
        deepStrictEqual(await ledger.read(budget), { used: 15, held: 30, limit: 100 });
        strictEqual((await ledger.read(rate)).used, 2);
      },
    ),
  ],
  [
    "over a restart: what nobody ends has its time, and is then charged or given back as it was to be",
    overRestart(
      async ({ store: { ledger } }) => {
        await ledger.reserve(request("charged", [hard(budget, 40)], 700));
        await ledger.reserve(request("given back", [hard(budget, 30, "release")], 700));
      },
      async ({ ledger }, _, { advanceMs }) => {
        const { held } = await ledger.read(budget);
        ok(held === 70, `held is ${held}`);
        await advanceMs(800);
        deepStrictEqual(await ledger.read(budget), { used: 40, held: 0, limit: 100 });
      },
    ),
  ],
];
