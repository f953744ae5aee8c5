import { setImmediate as nextTurn } from "node:timers/promises";

import { expect, test } from "vitest";

import { Replica } from "../../src/state/replica.ts";
import type { DocumentStore, DocumentWatcher } from "../../src/store/state-store.ts";
import { createRecordingLogger } from "../../src/testing/recording-logger.ts";
import { createFakeTimers } from "../../src/testing/fake-timers.ts";

type Listing = readonly (readonly [string, string])[];

/** A remote store held by hand: listings are answered, changes told and confirmed when the test says so. */
function createRemote() {
  let nowMs = 0;
  let isDown = false;
  let watcher: DocumentWatcher<string> | undefined;
  const stored = new Map<string, string>();
  const listings: ((isHeard: boolean) => void)[] = [];
  // The replica follows texts alone, so that is what the collection holds.
  const documents = {
    read: async (key: string) => stored.get(key),
    async update(key: string, change: (old: string | undefined) => string | undefined) {
      if (isDown) throw new Error("the store is down");
      const next = change(stored.get(key));
      if (next === undefined) stored.delete(key);
      else stored.set(key, next);
      return next;
    },
    list: () =>
      new Promise<Listing>((resolve, reject) => {
        const found = [...stored];
        listings.push((isHeard) => (isHeard ? resolve(found) : reject(new Error("the store is down"))));
      }),
    watch(_prefix: string, given: DocumentWatcher<string>) {
      watcher = given;
      return () => undefined;
    },
  } as unknown as DocumentStore;
  const timers = createFakeTimers(() => nowMs);
  const replica = new Replica<string>({
    documents,
    prefix: "",
    ports: {
      timers,
      logger: createRecordingLogger(),
      clock: { wallMs: () => nowMs, elapsedMs: () => nowMs },
    },
    changed: () => undefined,
  });
  return {
    replica,
    stored,
    timers,
    tell: () => watcher!,
    advanceMs: (durationMs: number) => void (nowMs += durationMs),
    isStale: () => replica.isStale(),
    fail: (isFailing: boolean) => void (isDown = isFailing),
    /** Answers every listing under way with what the store held when it was asked. */
    async answer(isHeard = true) {
      listings.splice(0).forEach((reply) => reply(isHeard));
      await nextTurn();
    },
  };
}

test("a change that is told while everything is read is not undone by the older listing", async () => {
  const { replica, tell, answer } = createRemote();
  tell().changed("kill", "pulled");
  await answer();
  expect(replica.values()).toStrictEqual(["pulled"]);
});

test("an entry lifted while everything is read does not come back with the older listing", async () => {
  const { replica, stored, tell, answer } = createRemote();
  stored.set("kill", "pulled");
  const loading = replica.load();
  tell().changed("kill", undefined);
  await answer();
  await loading;
  expect(replica.values()).toStrictEqual([]);
});

test("what was missed is read again, and a word of the store in between makes nothing fresh", async () => {
  const { replica, stored, tell, answer, advanceMs, isStale } = createRemote();
  await answer();
  tell().confirmed?.(1_000);
  stored.set("kill", "pulled");
  tell().missed?.();
  advanceMs(2_001);
  tell().confirmed?.(1_000);
  expect(isStale()).toBe(true);
  await answer();
  expect(replica.values()).toStrictEqual(["pulled"]);
  tell().confirmed?.(1_000);
  expect(isStale()).toBe(false);
});

test("what was missed while the store is down is read once it is back", async () => {
  const { replica, stored, timers, tell, answer } = createRemote();
  await answer();
  stored.set("kill", "pulled");
  tell().missed?.();
  await answer(false);
  expect(replica.values()).toStrictEqual([]);
  timers.fireNext();
  await answer();
  expect(replica.values()).toStrictEqual(["pulled"]);
});

test("a kill that the store did not take is in force here, and reaches it once it is back", async () => {
  const { replica, stored, tell, answer, fail } = createRemote();
  await answer();
  fail(true);
  await expect(replica.put("kill", "pulled")).rejects.toThrow("down");
  expect(replica.values()).toStrictEqual(["pulled"]);
  fail(false);
  tell().missed?.();
  await answer();
  expect(replica.values()).toStrictEqual(["pulled"]);
  expect(stored.get("kill")).toBe("pulled");
});

test("a copy of what is known already is no change", async () => {
  const { replica, tell, answer } = createRemote();
  await answer();
  tell().changed("kill", "pulled");
  const { revision } = replica;
  tell().changed("kill", ["pulled"].join(""));
  expect(replica.revision).toBe(revision);
});
