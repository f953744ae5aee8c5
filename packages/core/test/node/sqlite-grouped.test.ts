import path from "node:path";
import { DatabaseSync } from "node:sqlite";
import { setTimeout as wait } from "node:timers/promises";

import * as fc from "fast-check";
import { expect, onTestFinished, test } from "vitest";

import { sqliteState } from "../../src/node/sqlite-state.ts";
import { createAgentPlane } from "../../src/plane.ts";
import { rule } from "../../src/rules/rule-factory.ts";
import { memoryState } from "../../src/store/memory-state.ts";
import type { ReserveRequest, StateStore } from "../../src/store/state-store.ts";
import { temporaryDirectory } from "./temporary-directory.ts";
import { createTestMachine, START_MS } from "./test-machine.ts";

/** What is read of a session's history. */
interface History {
  readonly counts?: { readonly calls: number };
  readonly history?: History;
}

/** The admissions that were asked for. */
function counted(state: StateStore): { readonly state: StateStore; readonly asked: () => number } {
  let asked = 0;
  const admit: StateStore["admit"] = async (admission) => {
    asked++;
    return state.admit!(admission);
  };
  return { state: { ...state, admit }, asked: () => asked };
}

/** Runs calls of one session at once. @returns How many ran, and how often the event loop had its turn meanwhile. */
async function runAtOnce(
  state: StateStore,
  calls: number,
  options: { readonly blocking?: readonly ReturnType<typeof rule.loop>[]; readonly isSame?: boolean } = {},
): Promise<{ readonly ran: number; readonly turns: number }> {
  const { blocking = [], isSame = false } = options;
  const plane = createAgentPlane({
    state,
    stateTimeout: "60s",
    policies: [{ id: "p", blocking: [rule.rate({ limit: 100_000, window: "1h" }), ...blocking] }],
    tools: { search: { access: "read", external: false } },
  });
  await plane.ready();
  let turns = 0;
  let timer = setImmediate(function turn() {
    turns++;
    timer = setImmediate(turn);
  });
  const outcomes = await Promise.all(
    Array.from({ length: calls }, async (_, at) =>
      plane.guard.toolCall({
        context: {
          hookpoint: "before_tool_call",
          agent: "a",
          session: "s",
          callId: `call ${at}`,
          tool: { name: "search", input: { at: isSame ? 0 : at } },
        },
        run: async () => "found",
      }),
    ),
  );
  clearImmediate(timer);
  await plane.close();
  return { ran: outcomes.filter(({ status }) => status === "ran").length, turns };
}

test("calls that come at once share transactions, and the event loop has its turn between them", async () => {
  const file = path.join(temporaryDirectory(), "state.db");
  const state = sqliteState({ path: file, writes: "grouped" });
  const { ran, turns } = await runAtOnce(state, 256);
  expect(ran).toBe(256);
  expect(turns).toBeGreaterThan(8);
  const database = new DatabaseSync(file);
  onTestFinished(() => database.close());
  // Alone, its history is written twice per call.
  const sql = "SELECT count(*) AS n FROM change WHERE collection = 'sessions' AND key NOT LIKE '%+part%'";
  expect(database.prepare(sql).get()?.["n"]).toBeLessThan(64);
  const sessions = sqliteState({ path: file });
  const [[, { counts, history }] = ["", {} as History]] = sessions.sessions.list<History>("");
  expect((history?.counts ?? counts)?.calls).toBe(256);
  sessions.close();
});

test("of alike calls at once exactly those come through that a rule lets, each asked for about twice", async () => {
  const { state, asked } = counted(
    sqliteState({ path: path.join(temporaryDirectory(), "state.db"), writes: "grouped" }),
  );
  const { ran } = await runAtOnce(state, 80, { blocking: [rule.loop({ maxRepeats: 70 })], isSame: true });
  expect(ran).toBe(70);
  expect(asked()).toBeLessThan(200);
});

/** A state in groups, and another connection to its file that writes. */
function besideWriter(timeout: string): { readonly state: StateStore; readonly writer: DatabaseSync } {
  const file = path.join(temporaryDirectory(), "state.db");
  const state = sqliteState({ path: file, timeout, writes: "grouped" });
  const writer = new DatabaseSync(file);
  onTestFinished(() => {
    writer.close();
    return state.close();
  });
  writer.exec("BEGIN IMMEDIATE");
  return { state, writer };
}

/** A call that takes one of a budget, notes itself, and ends. */
async function callOn(state: StateStore): Promise<boolean> {
  const items = [{ spec: SPEC, amount: 1, isSoft: false, expired: "charge" }] as const;
  const changes = [{ collection: "sessions", key: "s", change: () => "called" }] as const;
  const { isAdmitted } = await state.admit!({ reserve: { id: "a", ttlMs: 1_000, items }, changes });
  return isAdmitted;
}

test("while another process writes, a call waits and the event loop goes on", async () => {
  const { state, writer } = besideWriter("30s");
  const admitted = callOn(state);
  const ended = state.ledger.settle("nobody's", []);
  let isDone = false;
  void Promise.all([admitted, ended]).finally(() => (isDone = true));
  // The same thread: were it held up, the other would never come to its end.
  await wait(60);
  expect(isDone).toBe(false);
  writer.exec("COMMIT");
  expect(await admitted).toBe(true);
  await ended;
  expect(await state.sessions.read("s")).toBe("called");
});

test("a call gives up when another process writes for longer than the timeout", async () => {
  const { state, writer } = besideWriter("50ms");
  const busy = { code: "state_failed", data: { reason: "busy" } };
  await expect(callOn(state)).rejects.toMatchObject(busy);
  await expect(state.ledger.settle("a", [])).rejects.toMatchObject(busy);
  writer.exec("ROLLBACK");
  expect(await callOn(state)).toBe(true);
});

const SPEC = {
  key: "l",
  measure: "tokens",
  limit: 60,
  window: { kind: "sliding", windowMs: 5_000 },
} as const;
const RATE = { key: "r", measure: "calls", limit: 7, window: { kind: "sliding", windowMs: 3_000 } } as const;
const id = fc.constantFrom("a", "b", "c", "d", "e", "f");
const request: fc.Arbitrary<ReserveRequest> = fc.record({
  id,
  ttlMs: fc.constantFrom(500, 2_000, 9_000),
  items: fc.array(
    fc.record({
      spec: fc.constantFrom(SPEC, RATE),
      amount: fc.oneof(fc.nat(20), fc.constantFrom(61, 0.5)),
      isSoft: fc.boolean(),
      expired: fc.constantFrom("charge" as const, "release" as const),
    }),
    { maxLength: 2 },
  ),
});
const key = fc.constantFrom("x", "y");
const operation = fc.oneof(
  fc.record({ do: fc.constant("reserve" as const), request }),
  fc.record({
    do: fc.constant("settle" as const),
    id,
    actuals: fc.array(fc.constantFrom(0, 3, 25, -1), { maxLength: 2 }),
  }),
  fc.record({ do: fc.constant("release" as const), id }),
  fc.record({ do: fc.constant("renew" as const), id, ttlMs: fc.constantFrom(0, 300, 4_000) }),
);
const write = fc.record({
  do: fc.constant("update" as const),
  key,
  by: fc.constantFrom("+1", "same", "gone", "fails"),
});
/** What comes at once, then how much time passes. */
const turn = fc.tuple(
  fc.oneof(fc.array(operation, { maxLength: 6 }), fc.array(write, { maxLength: 6 })),
  fc.constantFrom(0, 1, 400, 2_500, 6_000),
);
type Operation = typeof operation extends fc.Arbitrary<infer One> ? One : never;
type Write = typeof write extends fc.Arbitrary<infer One> ? One : never;

async function play({ ledger, sessions }: StateStore, one: Operation | Write): Promise<unknown> {
  switch (one.do) {
    case "reserve":
      return ledger.reserve(one.request);
    case "settle":
      return ledger.settle(one.id, one.actuals);
    case "release":
      return ledger.release(one.id);
    case "renew":
      return ledger.renew(one.id, one.ttlMs);
    default:
      return sessions.update<{ readonly n: number }>(one.key, (old) => {
        if (one.by === "fails") throw new RangeError("not so");
        if (one.by === "same") return old;
        return one.by === "gone" ? undefined : { n: (old?.n ?? 0) + 1 };
      });
  }
}

/** An answer, or how it failed. */
async function answerOf(work: Promise<unknown>): Promise<unknown> {
  return work.then(
    (answer) => ({ answer }),
    (error: unknown) => ({ failed: error instanceof Error ? error.message : "?" }),
  );
}

test("what comes at once is answered as if it had come one after the other, wrong requests included", async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(turn, { maxLength: 10 }), async (turns) => {
      const machine = createTestMachine();
      let nowMs = START_MS;
      const state = sqliteState({
        path: path.join(temporaryDirectory(), "s.db"),
        machine,
        writes: "grouped",
      });
      const oracle = memoryState({ clock: { nowMs: () => nowMs } });
      // oxlint-disable no-await-in-loop -- a history has an order
      for (const [atOnce, passedMs] of turns) {
        const answers = await Promise.all(atOnce.map(async (one) => answerOf(play(state, one))));
        const expected: unknown[] = [];
        for (const one of atOnce) expected.push(await answerOf(play(oracle, one)));
        expect(answers).toEqual(expected);
        for (const spec of [SPEC, RATE]) expect(state.ledger.read(spec)).toEqual(oracle.ledger.read(spec));
        for (const name of ["x", "y"]) expect(state.sessions.read(name)).toEqual(oracle.sessions.read(name));
        nowMs += passedMs;
        machine.advanceMs(passedMs);
      }
      // oxlint-enable no-await-in-loop
      await state.close();
    }),
    { numRuns: Number(process.env["ORACLE_RUNS"] ?? 20) },
  );
});

test("admissions at once never take more than there is, and leave of each everything or nothing", async () => {
  const admission = fc.record({ request, key, isOff: fc.boolean() });
  await fc.assert(
    fc.asyncProperty(fc.array(fc.array(admission, { maxLength: 8 }), { maxLength: 5 }), async (rounds) => {
      const file = path.join(temporaryDirectory(), "s.db");
      const machine = createTestMachine();
      const both = [0, 1].map(() => sqliteState({ path: file, machine, writes: "grouped" }));
      let admitted = 0;
      const taken = new Map<string, number>();
      // oxlint-disable no-await-in-loop -- a history has an order
      for (const [round, list] of rounds.entries()) {
        const answers = await Promise.all(
          list.map(async ({ request: one, key: name, isOff }, at) => {
            const counting = (old: unknown): unknown => (isOff ? old : Number(old ?? 0) + 1);
            const reserve = { ...one, id: `${round}-${at}`, ttlMs: 60_000 };
            const changes = [
              { collection: "admissions", key: `${round}-${at}`, change: () => "mine" },
              { collection: "sessions", key: name, change: counting },
            ] as const;
            const answer = await answerOf(Promise.resolve(both[at % 2]!.admit!({ reserve, changes })));
            return { answer, reserve, at };
          }),
        );
        for (const { answer, reserve, at } of answers) {
          const isIn = JSON.stringify(answer) === '{"answer":{"isAdmitted":true}}';
          expect(both[0]!.admissions.read(`${round}-${at}`)).toBe(isIn ? "mine" : undefined);
          if (!isIn) continue;
          admitted++;
          for (const { spec, amount } of reserve.items)
            taken.set(spec.key, (taken.get(spec.key) ?? 0) + amount);
        }
        for (const spec of [SPEC, RATE]) {
          const { used, held } = await both[1]!.ledger.read(spec);
          expect(used + held).toBe(taken.get(spec.key) ?? 0);
          expect(used + held).toBeLessThanOrEqual(spec.limit);
        }
      }
      const [x, y] = await Promise.all(["x", "y"].map(async (name) => both[0]!.sessions.read<number>(name)));
      expect((x ?? 0) + (y ?? 0)).toBe(admitted);
      // oxlint-enable no-await-in-loop
      await Promise.all(both.map(async (one) => one.close()));
    }),
    { numRuns: Number(process.env["ORACLE_RUNS"] ?? 20) },
  );
});

test.each(["each", "grouped"] as const)(
  "an admission counts by the time that passed asleep, too: %s",
  async (writes) => {
    const machine = createTestMachine();
    const state = sqliteState({ path: path.join(temporaryDirectory(), "s.db"), machine, writes });
    onTestFinished(async () => state.close());
    const admit = async (name: string): Promise<boolean | undefined> => {
      const items = [{ spec: RATE, amount: RATE.limit, isSoft: false, expired: "charge" as const }];
      const changes = [{ collection: "sessions", key: name, change: () => name }] as const;
      const answer = await state.admit?.({ reserve: { id: name, ttlMs: 60_000, items }, changes });
      return answer?.isAdmitted;
    };
    expect(await admit("before")).toBe(true);
    expect(await admit("at once")).toBe(false);
    machine.sleepMs(RATE.window.windowMs);
    // Awake for as long as it takes until sleep is looked for.
    machine.advanceMs(1_000);
    expect(await admit("after")).toBe(true);
  },
);
