import { deepStrictEqual, ok, strictEqual } from "node:assert/strict";

import type { Behaviour } from "./contract-case.ts";

interface Counter {
  readonly count: number;
}

/** How long a change may take to another process. */
const SOON_MS = 100;

/** What every document store promises to those who follow it. */
export const WATCH_BEHAVIOURS: readonly Behaviour[] = [
  [
    "tells watchers what changes under their prefix, also by another process, until they leave",
    async ({ store, second = store, advanceMs }) => {
      const seen: (readonly [string, number | undefined])[] = [];
      const unwatch = second.controls.watch<Counter>("p:", {
        changed: (key, value) => seen.push([key, value?.count]),
      });
      await advanceMs(SOON_MS);
      await store.controls.update<Counter>("p:a", () => ({ count: 1 }));
      await store.controls.update<Counter>("q:a", () => ({ count: 2 }));
      await advanceMs(SOON_MS);
      deepStrictEqual(seen.at(-1), ["p:a", 1]);
      await store.controls.update<Counter>("p:a", () => undefined);
      await advanceMs(SOON_MS);
      deepStrictEqual(seen.at(-1), ["p:a", undefined]);
      ok(seen.every(([key]) => key === "p:a"));
      unwatch();
      const { length } = seen;
      await store.controls.update<Counter>("p:b", () => ({ count: 1 }));
      await advanceMs(SOON_MS);
      strictEqual(seen.length, length);
    },
  ],
  [
    "tells the last of many quick changes, and never an older one after it",
    async ({ store, second = store, advanceMs }) => {
      const seen: number[] = [];
      const unwatch = second.approvals.watch<Counter>("", {
        changed: (_key, value) => seen.push(value?.count ?? -1),
      });
      await advanceMs(SOON_MS);
      for (let count = 1; count <= 50; count++) {
        const writer = count % 2 === 0 ? store : second;
        // oxlint-disable-next-line no-await-in-loop -- the order is what is looked at
        await writer.approvals.update<Counter>("a", () => ({ count }));
      }
      await advanceMs(SOON_MS);
      strictEqual(seen.at(-1), 50);
      deepStrictEqual(
        seen,
        seen.toSorted((a, b) => a - b),
      );
      unwatch();
    },
  ],
  [
    "tells a big document whole, and one under any Unicode by its name",
    async ({ store, second = store, advanceMs }) => {
      const seen = new Map<string, unknown>();
      const unwatch = second.ladders.watch("\u{1f600}*", { changed: (key, value) => seen.set(key, value) });
      await advanceMs(SOON_MS);
      const value = { text: "é".repeat(100_000) };
      await store.ladders.update("\u{1f600}*\n%", () => value);
      await store.ladders.update("\u{1f600}x", () => 1);
      await advanceMs(SOON_MS);
      deepStrictEqual([...seen], [["\u{1f600}*\n%", value]]);
      unwatch();
    },
  ],
  [
    "is followed by many, each of its own collection and prefix",
    async ({ store, second = store, advanceMs }) => {
      const seen: string[] = [];
      const follow = (name: string, prefix: string, documents = second.controls): (() => void) =>
        documents.watch(prefix, { changed: (key) => seen.push(`${name} ${key}`) });
      const unwatch = [follow("a", "a"), follow("ab", "ab"), follow("other", "a", second.versions)];
      await advanceMs(SOON_MS);
      await store.controls.update("abc", () => 1);
      await advanceMs(SOON_MS);
      deepStrictEqual([...new Set(seen)].toSorted(), ["a abc", "ab abc"]);
      unwatch.forEach((leave) => leave());
    },
  ],
  [
    "says at once how often it confirms, so that one that falls silent before its first word is noticed",
    ({ second }) => {
      // A store of one process alone cannot miss a change, and confirms nothing.
      if (second === undefined) return Promise.resolve();
      const heard: number[] = [];
      const documents = [second.controls, second.ladders, second.approvals, second.versions];
      for (const one of documents)
        one.watch("", { changed: () => undefined, confirmed: (heartbeatMs) => heard.push(heartbeatMs) })();
      strictEqual(heard.length, documents.length);
      ok(heard.every((heartbeatMs) => heartbeatMs > 0));
      return Promise.resolve();
    },
  ],
];
