import { expect, test } from "vitest";

import type { SessionEntry } from "../../src/rules/session-view.ts";
import { Sessions } from "../../src/state/session.ts";
import { slowDocuments } from "./slow-documents.ts";
import { contextOf, createTestMachines } from "./test-machines.ts";

const CONTEXT = contextOf({ tenant: "acme", session: "s" });
const ENDED = { isError: false, durationMs: 5, effect: "allow" } as const;

function entryOf(decisionId: string, more: Partial<SessionEntry> = {}): SessionEntry {
  const effect = more.effect ?? "allow";
  return {
    at: 1,
    hookpoint: "before_tool_call",
    agent: "a",
    name: "search",
    inputDigest: "d",
    decisionId,
    effect,
    isInFlight: effect === "allow",
    ...more,
  };
}

function setUp() {
  const machines = createTestMachines();
  const sessions = new Sessions({ ...machines, sessions: machines.store.sessions });
  return { ...machines, sessions };
}

test("a session starts empty, sees calls in flight, and how they ended", async () => {
  const { sessions, nowMs } = setUp();
  expect(await sessions.view(CONTEXT)).toStrictEqual({
    entries: [],
    counts: { calls: 0, blocked: 0, errors: 0, modelCalls: 0 },
    startedAtMs: nowMs(),
  });
  await sessions.append(CONTEXT, entryOf("1"));
  await sessions.append(CONTEXT, entryOf("2", { hookpoint: "before_model_call", name: "gpt" }));
  await sessions.append(CONTEXT, entryOf("3", { effect: "block" }));
  await sessions.complete(CONTEXT, "1", { ...ENDED, isError: true });
  const view = await sessions.view(CONTEXT);
  expect(
    view.entries.map(({ decisionId, isInFlight, isError }) => [decisionId, isInFlight, isError]),
  ).toStrictEqual([
    ["1", false, true],
    ["2", true, undefined],
    ["3", false, undefined],
  ]);
  expect(view.counts).toStrictEqual({ calls: 2, blocked: 1, errors: 1, modelCalls: 1, turns: { a: 1 } });
});

test("a view is a frozen snapshot that later calls do not change", async () => {
  const { sessions } = setUp();
  await sessions.append(CONTEXT, entryOf("1"));
  const view = await sessions.view(CONTEXT);
  await sessions.append(CONTEXT, entryOf("2"));
  expect(view.entries).toHaveLength(1);
  expect(
    [view, view.entries, view.counts, view.counts.turns, view.entries[0]].every((part) =>
      Object.isFrozen(part),
    ),
  ).toBe(true);
  expect(await sessions.view(CONTEXT)).toBe(await sessions.view(CONTEXT));
});

test("one history per session of a tenant, shared by its agents; without a session per run, without a run per root agent", async () => {
  const { sessions } = setUp();
  const seenBy = async (context: Parameters<typeof contextOf>[0]): Promise<number> =>
    (await sessions.view(contextOf(context))).counts.calls;
  await sessions.append(CONTEXT, entryOf("1"));
  expect(await seenBy({ tenant: "acme", session: "s", agentId: "other" })).toBe(1);
  expect(await seenBy({ tenant: "other", session: "s" })).toBe(0);
  expect(await seenBy({ session: "s" })).toBe(0);
  await sessions.append(contextOf({ runId: "r" }), entryOf("2"));
  expect([
    await seenBy({ runId: "r", agentId: "b" }),
    await seenBy({ runId: "r2" }),
    await seenBy({ session: "r" }),
  ]).toStrictEqual([1, 0, 0]);
  await sessions.append(contextOf({ agentId: "root" }), entryOf("3"));
  expect([
    await seenBy({ agentId: "child", ancestors: ["root"] }),
    await seenBy({ agentId: "child" }),
  ]).toStrictEqual([1, 0]);
});

test("one call has one entry: what did not run, or was suspended, is replaced; a retry is another", async () => {
  const { sessions } = setUp();
  const ids = async (): Promise<readonly string[]> =>
    (await sessions.view(CONTEXT)).entries.map(({ decisionId }) => decisionId);
  await sessions.append(CONTEXT, entryOf("asked", { callKey: "k", effect: "ask" }));
  await sessions.append(CONTEXT, entryOf("blocked", { callKey: "k", effect: "block" }));
  await sessions.append(CONTEXT, entryOf("stranger", { callKey: "k2" }));
  await sessions.append(CONTEXT, entryOf("admitted", { callKey: "k" }));
  expect(await ids()).toStrictEqual(["stranger", "admitted"]);
  await sessions.append(CONTEXT, entryOf("resumed", { callKey: "k" }));
  expect(await ids()).toStrictEqual(["stranger", "resumed"]);
  await sessions.complete(CONTEXT, "resumed", { ...ENDED, isError: true });
  await sessions.append(CONTEXT, entryOf("retried", { callKey: "k" }));
  expect(await ids()).toStrictEqual(["stranger", "resumed", "retried"]);
  expect((await sessions.view(CONTEXT)).counts).toStrictEqual({
    calls: 3,
    blocked: 0,
    errors: 1,
    modelCalls: 0,
    turns: {},
  });
});

test("a call that was not let go on after all counts as blocked", async () => {
  const { sessions } = setUp();
  await sessions.append(CONTEXT, entryOf("1"));
  await sessions.complete(CONTEXT, "1", { ...ENDED, effect: "block" });
  expect((await sessions.view(CONTEXT)).counts).toMatchObject({ calls: 0, blocked: 1 });
});

test("the history is bounded to the latest 1,000 calls, the counters are not", async () => {
  const { sessions } = setUp();
  for (let index = 0; index < 2_500; index++) {
    void sessions.append(CONTEXT, entryOf(`${index}`));
    void sessions.complete(CONTEXT, `${index}`, ENDED);
  }
  await sessions.complete(CONTEXT, "0", { ...ENDED, isError: true });
  const { entries, counts } = await sessions.view(CONTEXT);
  expect(entries).toHaveLength(1_000);
  expect([entries[0]?.decisionId, entries.at(-1)?.decisionId]).toStrictEqual(["1500", "2499"]);
  expect(counts).toStrictEqual({ calls: 2_500, blocked: 0, errors: 1, modelCalls: 0, turns: {} });
});

test("parallel calls of one turn, in several processes, all find their place", async () => {
  const { sessions: reader, store, nowMs } = setUp();
  const sessions = new Sessions({ sessions: slowDocuments(store.sessions), nowMs });
  await Promise.all(
    Array.from({ length: 50 }, async (_, index) => sessions.append(CONTEXT, entryOf(`${index}`))),
  );
  await Promise.all(
    Array.from({ length: 50 }, async (_, index) => sessions.complete(CONTEXT, `${index}`, ENDED)),
  );
  const { entries, counts } = await reader.view(CONTEXT);
  expect(new Set(entries.map(({ decisionId }) => decisionId)).size).toBe(50);
  expect(entries.filter(({ isInFlight }) => isInFlight)).toStrictEqual([]);
  expect(counts.calls).toBe(50);
});

test("a session that was quiet for a day is over", async () => {
  const { sessions, advanceMs } = setUp();
  await sessions.append(CONTEXT, entryOf("1"));
  advanceMs(86_400_000);
  expect((await sessions.view(CONTEXT)).counts.calls).toBe(0);
});
