import path from "node:path";

import { expect, test } from "vitest";

import { createAgentPlane, type AgentPlane } from "../../src/plane.ts";
import { rule } from "../../src/rules/rule-factory.ts";
import { sqliteState } from "../../src/node/sqlite-state.ts";
import type { StateStore } from "../../src/store/state-store.ts";
import { slowDocuments } from "../state/slow-documents.ts";
import { createSlowState } from "../testing/slow-state.ts";
import { temporaryDirectory } from "../node/temporary-directory.ts";
import { blocking } from "./bench.ts";

const CALLS = 12;

/** Answers later, and loses compare-and-sets to others: as a store across a network does. */
function remoteState(): StateStore {
  const state = createSlowState();
  const pause = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));
  return { ...state, sessions: slowDocuments(state.sessions, pause) };
}

function planeOn(state: StateStore, rules: Parameters<typeof blocking>[1]): AgentPlane {
  return createAgentPlane({
    state,
    policies: [blocking("p", rules)],
    tools: { refund: { access: "write" } },
  });
}

/** Many identical calls of one turn at once, over several planes on one state. */
async function runMany(planes: readonly AgentPlane[]): Promise<{ ran: number; blocked: number }> {
  let ran = 0;
  await Promise.all(planes.map(async (plane) => plane.ready()));
  const outcomes = await Promise.all(
    Array.from({ length: CALLS }, async (_, index) => {
      const { guard } = planes[index % planes.length]!;
      const context = guard.context({
        hookpoint: "before_tool_call",
        agent: "billing",
        session: "s1",
        callId: `call-${index}`,
        tool: { name: "refund", input: { order: 7 } },
      });
      return guard.toolCall({ context, run: async () => void ran++ });
    }),
  );
  const blocked = outcomes.filter(({ status }) => status === "blocked").length;
  const views = await Promise.all(
    planes.map(async (plane) =>
      plane.engine.explain({
        hookpoint: "before_tool_call",
        agent: "billing",
        session: "s1",
        tool: { name: "refund", input: { order: 7 } },
      }),
    ),
  );
  expect(views.every(({ effect }) => effect === "block")).toBe(true);
  return { ran, blocked };
}

test("parallel identical calls on a store that answers later run once under idempotency", async () => {
  const plane = planeOn(remoteState(), [rule.idempotency({ window: "10m" })]);
  expect(await runMany([plane])).toStrictEqual({ ran: 1, blocked: CALLS - 1 });
});

test("parallel identical calls on a store that answers later repeat as often as a loop may, no more", async () => {
  const plane = planeOn(remoteState(), [rule.loop({ maxRepeats: 3 })]);
  expect((await runMany([plane])).ran).toBe(3);
});

test("two planes on one state see each other's calls", async () => {
  const state = remoteState();
  const rules = [rule.idempotency({ window: "10m" })];
  expect(await runMany([planeOn(state, rules), planeOn(state, rules)])).toMatchObject({ ran: 1 });
});

test("two planes on one state file see each other's calls", async () => {
  const file = path.join(temporaryDirectory(), "state.db");
  const rules = [rule.idempotency({ window: "10m" })];
  const planes = [0, 1].map(() => planeOn(sqliteState({ path: file }), rules));
  expect(await runMany(planes)).toMatchObject({ ran: 1 });
  await Promise.all(planes.map(async (plane) => plane.close()));
});
