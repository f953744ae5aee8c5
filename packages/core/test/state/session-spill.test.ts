import * as fc from "fast-check";
import { expect, test } from "vitest";

import type { SessionEntry, SessionView } from "../../src/rules/session-view.ts";
import type { Sessions } from "../../src/state/session.ts";
import {
  bytesOf,
  CONTEXT,
  createFleet,
  createModel,
  ENDED,
  entryOf,
  fill,
  KEY,
  partsOf,
  textOf,
} from "./session-fleet.ts";

interface Move {
  readonly kind: "run" | "refuse" | "ask" | "end" | "fail" | "break" | "look" | "settle" | "stale";
  readonly pick: number;
}

const MOVES = fc.array(
  fc.record({
    kind: fc.constantFrom<Move["kind"]>(
      ...(["run", "run", "run", "run", "end", "end", "end", "end", "refuse", "ask"] as const),
      ...(["fail", "break", "look", "settle", "stale"] as const),
    ),
    pick: fc.nat({ max: 1_000_000 }),
  }),
  { minLength: 500, maxLength: 900, size: "max" },
);

test("a history in parts is the history in one piece, whatever comes in between", async () => {
  let spilled = 0;
  await fc.assert(
    fc.asyncProperty(MOVES, async (moves) => {
      const fleet = createFleet();
      const model = createModel(fleet);
      const processes = [fleet.join(), fleet.join()];
      const running: string[] = [];
      let seen: SessionView | undefined;
      const refused: boolean[] = [];
      let pick = 0;
      let broken = 0;
      fleet.documents.before = async (operation, key) => {
        // oxlint-disable-next-line no-await-in-loop -- others overtake it
        for (let turn = pick % 5; turn > 0; turn--) await Promise.resolve();
        if (operation === "update" && key !== KEY && broken > 0 && broken-- > 0)
          throw new Error("the store is down");
      };
      const append = async (entry: SessionEntry, by: Sessions, known?: SessionView): Promise<void> => {
        const isAdded = await by.append(CONTEXT, entry, known);
        expect(isAdded).toBe(true);
        await model.append(CONTEXT, entry);
      };
      const look = async (by: Sessions): Promise<SessionView> => {
        const view = await by.view(CONTEXT);
        expect(textOf(view)).toBe(textOf(await model.view(CONTEXT)));
        return view;
      };
      const complete = async (id: string, isError: boolean, by: Sessions): Promise<void> => {
        const end = { ...ENDED, isError };
        await by.complete(CONTEXT, id, end);
        await model.complete(CONTEXT, id, end);
      };
      for (const [at, move] of moves.entries()) {
        pick = move.pick;
        const by = processes[pick % 2]!;
        // An earlier call that comes back, or a new one; some have no key.
        const callKey = pick % 3 === 0 ? undefined : `k${Math.max(0, at - (pick % 400))}`;
        const keyed = callKey === undefined ? {} : { callKey };
        const hookpoint = pick % 7 === 0 ? "before_model_call" : "before_tool_call";
        // oxlint-disable no-await-in-loop -- one after the other
        switch (move.kind) {
          case "run":
            await append(entryOf(`d${at}`, { ...keyed, hookpoint }), by);
            if (pick % 11 !== 0) running.push(`d${at}`);
            break;
          case "refuse":
            await append(entryOf(`d${at}`, { ...keyed, effect: "block" }), by);
            break;
          case "ask":
            await append(entryOf(`d${at}`, { ...keyed, effect: "ask" }), by);
            break;
          case "end":
          case "fail": {
            const [id = "never"] = running.splice(pick % (running.length + 1), 1);
            await complete(id, move.kind === "fail", by);
            break;
          }
          case "break":
            broken = pick % 4;
            break;
          case "look":
            seen = await look(by);
            // Whatever was spilled since, nothing has happened to it.
            await append(entryOf(`d${at}`), by, seen);
            break;
          case "stale":
            // A first look comes before it.
            refused.push(seen === undefined ? false : await by.append(CONTEXT, entryOf("no"), seen));
            break;
          default:
            await fleet.settle();
        }
        // oxlint-enable no-await-in-loop
      }
      expect(refused).not.toContain(true);
      broken = 0;
      await fleet.settle();
      // oxlint-disable-next-line no-await-in-loop -- as above
      for (const each of [...processes, fleet.join()]) await look(each);
      spilled += partsOf(fleet).length;
    }),
    { numRuns: 2, endOnFailure: true },
  );
  // A run of 500 moves leaves at least six or seven.
  expect(spilled).toBeGreaterThan(5);
});

test("what a call writes stays short however long the history is, and what nothing refers to is deleted", async () => {
  const fleet = createFleet();
  const sessions = fleet.join();
  const model = createModel(fleet);
  let longest = 0;
  for (let at = 0; at < 2_000; at += 20) {
    // oxlint-disable no-await-in-loop -- one call after the other
    await fill(sessions, 20, at);
    await fill(model, 20, at);
    // oxlint-enable no-await-in-loop
    longest = Math.max(longest, bytesOf(fleet));
  }
  await fleet.settle();
  expect(longest).toBeLessThan(10_000);
  expect(partsOf(fleet).length).toBeLessThanOrEqual(64);
  const view = await fleet.join().view(CONTEXT);
  expect(view.entries).toHaveLength(1_000);
  expect(textOf(view)).toBe(textOf(await model.view(CONTEXT)));
});
