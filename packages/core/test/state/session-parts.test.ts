import { expect, test } from "vitest";

import { Sessions } from "../../src/state/session.ts";
import {
  bytesOf,
  CONTEXT,
  createFleet,
  createModel,
  DAY_MS,
  fill,
  KEY,
  partsOf,
  textOf,
} from "./session-fleet.ts";
import { createTestMachines } from "./test-machines.ts";

test("a history goes on that was written in one piece before, and is split as it grows", async () => {
  const fleet = createFleet();
  const before = createTestMachines().store.sessions;
  const model = new Sessions({ sessions: before, nowMs: fleet.nowMs });
  await fill(model, 700);
  await fleet.documents.update(KEY, () => before.read(KEY), { ttlMs: DAY_MS });
  const sessions = fleet.join();
  expect(textOf(await sessions.view(CONTEXT))).toBe(textOf(await model.view(CONTEXT)));
  for (const each of [sessions, model]) {
    // oxlint-disable-next-line no-await-in-loop -- one after the other
    await fill(each, 100, 700);
  }
  await fleet.settle();
  expect(bytesOf(fleet)).toBeLessThan(10_000);
  expect(textOf(await fleet.join().view(CONTEXT))).toBe(textOf(await model.view(CONTEXT)));
});

test("a part that is missing is an error of the store, never a shorter history", async () => {
  const fleet = createFleet();
  await fill(fleet.join(), 40);
  await fleet.settle();
  const [part = ""] = partsOf(fleet);
  const whole = await fleet.documents.read<readonly unknown[]>(part);
  for (const left of [undefined, whole?.slice(1)]) {
    // oxlint-disable-next-line no-await-in-loop -- one after the other
    await fleet.documents.update(part, () => left);
    const reader = fleet.join();
    const failing = { code: "state_failed", message: expect.stringContaining("is missing") as string };
    // oxlint-disable-next-line no-await-in-loop -- as above
    await expect((async () => reader.view(CONTEXT))()).rejects.toMatchObject(failing);
    // oxlint-disable-next-line no-await-in-loop -- as above
    await expect((async () => reader.guess(CONTEXT))()).rejects.toMatchObject(failing);
    // Nothing is lost of what is there, and calls that nobody judges by the history go on.
    // oxlint-disable-next-line no-await-in-loop -- as above
    await fill(reader, 1, left === undefined ? 40 : 41);
  }
  await fleet.documents.update(part, () => whole);
  expect((await fleet.join().view(CONTEXT)).entries).toHaveLength(42);
});

test("a part that is replaced while a process reads the history is looked for again", async () => {
  const fleet = createFleet();
  const writer = fleet.join();
  await fill(writer, 100);
  await fleet.settle();
  const reader = fleet.join();
  let hasMoved = false;
  fleet.documents.before = async (operation, key) => {
    if (operation !== "read" || key === KEY || hasMoved) return;
    hasMoved = true;
    // Every part is written anew, and what it was before is deleted, before the reader gets to it.
    for (let at = 100; at < 108; at++) {
      fleet.advanceMs(0.9 * DAY_MS);
      // oxlint-disable no-await-in-loop -- one day after the other
      await fill(writer, 1, at);
      await fleet.settle();
      // oxlint-enable no-await-in-loop
    }
  };
  expect((await reader.view(CONTEXT)).entries).toHaveLength(108);
});

test("a session that goes on slowly for months loses nothing", async () => {
  const fleet = createFleet();
  const model = createModel(fleet);
  const sessions = fleet.join();
  for (const each of [sessions, model])
    // oxlint-disable-next-line no-await-in-loop -- one after the other
    await fill(each, 60);
  for (let day = 0; day < 90; day++) {
    fleet.advanceMs(0.99 * DAY_MS);
    for (const each of [sessions, model])
      // oxlint-disable-next-line no-await-in-loop -- as above
      await fill(each, 1, 60 + day);
    // oxlint-disable-next-line no-await-in-loop -- as above
    await fleet.settle();
  }
  expect(textOf(await fleet.join().view(CONTEXT))).toBe(textOf(await model.view(CONTEXT)));
  // What was written before is gone, not only forgotten.
  expect(partsOf(fleet).length).toBeLessThanOrEqual(20);
});

test("parts that a process wrote whose clock was days ahead are kept as long as their session", async () => {
  const fleet = createFleet();
  const ahead = fleet.join({ suffix: "_ahead" }, 5 * DAY_MS);
  await fill(ahead, 100);
  await fleet.settle();
  expect(partsOf(fleet).length).toBeGreaterThan(3);
  const sessions = fleet.join();
  for (let call = 0; call < 5; call++) {
    fleet.advanceMs(0.8 * DAY_MS);
    // oxlint-disable no-await-in-loop -- one day after the other
    await fill(sessions, 1, 100 + call);
    await fleet.settle();
    // oxlint-enable no-await-in-loop
  }
  expect((await fleet.join().view(CONTEXT)).entries).toHaveLength(105);
});

test("a history whose parts cannot be written stays in one piece, loudly, until they can", async () => {
  const fleet = createFleet();
  const sessions = fleet.join();
  fleet.documents.before = (operation, key) => {
    if (operation === "update" && key !== KEY) throw new Error("the store is down");
  };
  await fill(sessions, 60);
  await fleet.settle();
  expect(partsOf(fleet)).toEqual([]);
  expect(fleet.warnings[0]).toContain("could not be split");
  expect((await fleet.join().view(CONTEXT)).entries).toHaveLength(60);
  fleet.documents.before = () => undefined;
  await fill(sessions, 20, 60);
  await fleet.settle();
  expect(partsOf(fleet).length).toBeGreaterThanOrEqual(4);
  expect((await fleet.join().view(CONTEXT)).entries).toHaveLength(80);
});

test("in memory a history stays one document", async () => {
  const { store, nowMs, ports } = createTestMachines();
  const aside: unknown[] = [];
  const sessions = new Sessions({
    sessions: store.sessions,
    nowMs,
    ports,
    aside: (work) => void aside.push(work),
  });
  await fill(sessions, 100);
  expect([store.sessions.size, aside]).toEqual([1, []]);
});

test("a part is never written over, though names should repeat", async () => {
  const fleet = createFleet();
  const [one, other] = [fleet.join({ suffix: "" }), fleet.join({ suffix: "" })];
  await fill(one, 16);
  await fleet.settle();
  await fill(other, 32, 16);
  await fleet.settle();
  expect(fleet.warnings).not.toEqual([]);
  const { entries } = await fleet.join().view(CONTEXT);
  expect(entries.map(({ decisionId }) => decisionId)).toEqual(Array.from({ length: 48 }, (_, at) => `${at}`));
});

test("of processes that split a history at once one does, and the others leave nothing behind", async () => {
  const fleet = createFleet();
  const [one, other] = [fleet.join(), fleet.join()];
  await fill(one, 40);
  await fleet.settle();
  expect(partsOf(fleet)).toHaveLength(2);
  fleet.advanceMs(0.9 * DAY_MS);
  await fill(one, 1, 40);
  fleet.advanceMs(0.9 * DAY_MS);
  // Both find parts that are due to be written again.
  await Promise.all([fill(one, 1, 41), fill(other, 1, 42)]);
  await fleet.settle();
  // The new ones, and the old ones until the next time.
  expect(partsOf(fleet)).toHaveLength(4);
  expect((await fleet.join().view(CONTEXT)).entries).toHaveLength(43);
});
