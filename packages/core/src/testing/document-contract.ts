import { deepStrictEqual, strictEqual } from "node:assert/strict";

import type { Behaviour } from "./contract-case.ts";

interface Counter {
  readonly count: number;
}

/** What every document store promises, whatever keeps it. */
export const DOCUMENT_BEHAVIOURS: readonly Behaviour[] = [
  [
    "gives back what was written, and undefined for what never was",
    async ({ store: { controls } }) => {
      strictEqual(await controls.read("a"), undefined);
      deepStrictEqual(await controls.update<Counter>("a", () => ({ count: 1 })), { count: 1 });
      deepStrictEqual(await controls.read("a"), { count: 1 });
    },
  ],
  [
    "writes nothing when the change answers the same reference, and deletes on undefined",
    async ({ store: { controls } }) => {
      const seen: unknown[] = [];
      await controls.update<Counter>("a", () => ({ count: 1 }));
      const unwatch = controls.watch("", { changed: (key, value) => seen.push([key, value]) });
      deepStrictEqual(await controls.update<Counter>("a", (old) => old), { count: 1 });
      strictEqual(await controls.update<Counter>("b", () => undefined), undefined);
      deepStrictEqual(seen, []);
      strictEqual(await controls.update<Counter>("a", () => undefined), undefined);
      strictEqual(await controls.read("a"), undefined);
      unwatch();
    },
  ],
  [
    "keeps its collections apart",
    async ({ store }) => {
      await store.controls.update("a", () => 1);
      const others = [store.ladders, store.approvals, store.sessions, store.admissions, store.versions];
      deepStrictEqual(await Promise.all(others.map(async (other) => other.read("a"))), [
        undefined,
        undefined,
        undefined,
        undefined,
        undefined,
      ]);
    },
  ],
  [
    "lists what is under a prefix, sorted by key, any Unicode included",
    async ({ store: { ladders } }) => {
      const keys = ["p:b", "p:a", "q:a", "p:ü\u0000\n%*_"];
      await Promise.all(keys.map(async (key) => ladders.update<Counter>(key, () => ({ count: key.length }))));
      deepStrictEqual(
        (await ladders.list<Counter>("p:")).map(([key, { count }]) => [key, count]),
        [
          ["p:a", 3],
          ["p:b", 3],
          ["p:ü\u0000\n%*_", 8],
        ],
      );
    },
  ],
  [
    "forgets a document its time after its last write",
    async ({ store: { sessions }, advanceMs }) => {
      await sessions.update<Counter>("a", () => ({ count: 1 }), { ttlMs: 400 });
      await advanceMs(300);
      await sessions.update<Counter>("a", (old) => ({ count: (old?.count ?? 0) + 1 }), { ttlMs: 400 });
      await advanceMs(300);
      deepStrictEqual(await sessions.read("a"), { count: 2 });
      await advanceMs(150);
      strictEqual(await sessions.read("a"), undefined);
      deepStrictEqual(await sessions.list(""), []);
      deepStrictEqual(await sessions.update<Counter>("a", (old) => old ?? { count: 9 }), { count: 9 });
    },
  ],
  [
    "loses no update of many at once",
    async ({ store, second = store }) => {
      const many = Array.from({ length: 100 }, async (_, index) =>
        (index % 2 === 0 ? store : second).approvals.update<Counter>("a", (old) => ({
          count: (old?.count ?? 0) + 1,
        })),
      );
      await Promise.all(many);
      deepStrictEqual(await second.approvals.read("a"), { count: 100 });
    },
  ],
];
