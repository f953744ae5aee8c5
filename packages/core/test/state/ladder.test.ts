import * as fc from "fast-check";
import { expect, test } from "vitest";

import { tupleKey } from "../../src/context/call-key.ts";
import type { EscalationStep } from "../../src/policy/policy.ts";
import { Ladders, levelOf } from "../../src/state/ladder.ts";
import { slowDocuments } from "./slow-documents.ts";
import { createTestMachines } from "./test-machines.ts";

const STEPS: readonly EscalationStep[] = [
  { trigger: "calls", after: 1, within: "10m", action: { alert: { channel: "log" } } },
  { trigger: "calls", after: 2, within: "10m", action: { hitl: {} } },
  { trigger: "calls", after: 3, within: "10m", action: { degrade: { mode: "READ_ONLY" } } },
  { trigger: "calls", after: 5, within: "1h", action: { block: { for: "1h" } } },
];
const MINUTE_MS = 60_000;

interface Breach {
  readonly agent?: string;
  readonly tenant?: string;
  readonly policyId?: string;
  readonly trigger?: string;
  readonly breachId?: string;
}

function of(breach: Breach) {
  return { policyId: "p", trigger: "calls", agent: "a", tenant: "acme", ...breach };
}

/** The level that the stored breaches of a ladder give, without counting another. */
function storedLevel(
  { store, nowMs }: ReturnType<typeof createTestMachines>,
  whose: ReturnType<typeof of>,
): number {
  const key = tupleKey([undefined, whose.policyId, whose.trigger, whose.agent, whose.tenant]);
  const found = store.ladders.read<{ readonly breaches: readonly { readonly at: number }[] }>(key);
  if (found instanceof Promise) throw new Error("a store in memory answered late");
  return levelOf(
    STEPS,
    (found?.breaches ?? []).map(({ at }) => at),
    nowMs(),
  );
}

function climber() {
  const machines = createTestMachines();
  const ladders = new Ladders({ ladders: machines.store.ladders });
  let count = 0;
  return {
    ...machines,
    ladders,
    breach: (breach: Breach = {}) =>
      ladders.record({
        ...of(breach),
        steps: STEPS,
        breachId: breach.breachId ?? `b${count++}`,
        nowMs: machines.nowMs(),
      }),
    level: (breach: Breach = {}) => storedLevel(machines, of(breach)),
  };
}

test("breaches climb level by level, and each change is told once", () => {
  const { breach } = climber();
  const levels = Array.from({ length: 6 }, () => breach());
  expect(levels).toMatchObject([
    { level: 1, hasChanged: true, step: STEPS[0] },
    { level: 2, hasChanged: true, step: STEPS[1] },
    { level: 3, hasChanged: true, step: STEPS[2] },
    { level: 3, hasChanged: false },
    { level: 4, hasChanged: true, step: STEPS[3] },
    { level: 4, hasChanged: false },
  ]);
});

test("the level decays by itself, and an alert fires again when it is reached anew", () => {
  const { breach, level, advanceMs } = climber();
  void breach();
  void breach();
  expect(level()).toBe(2);
  advanceMs(10 * MINUTE_MS);
  expect(level()).toBe(0);
  expect(breach()).toMatchObject({ level: 1, hasChanged: true });
});

test("a breach exactly a window ago no longer counts", () => {
  const { breach, level, advanceMs } = climber();
  void breach();
  advanceMs(10 * MINUTE_MS - 1);
  expect(level()).toBe(1);
  advanceMs(1);
  expect(level()).toBe(0);
});

test("escalation_is_per_agent_and_tenant: also per policy and trigger; B is not escalated for A's breaches", () => {
  const { breach, level } = climber();
  for (let count = 0; count < 5; count++) void breach({ agent: "a" });
  expect(level({ agent: "a" })).toBe(4);
  expect(breach({ agent: "b" })).toMatchObject({ level: 1 });
  expect(breach({ tenant: "other" })).toMatchObject({ level: 1 });
  expect(breach({ policyId: "q" })).toMatchObject({ level: 1 });
  expect(breach({ trigger: "usd" })).toMatchObject({ level: 1 });
});

test("one call breaches once, asked and executed, also after a long wait for a human", () => {
  const { breach, advanceMs } = climber();
  expect(breach({ breachId: "call-1" })).toMatchObject({ level: 1, hasChanged: true });
  expect(breach({ breachId: "call-1" })).toMatchObject({ level: 1, hasChanged: false });
  advanceMs(11 * MINUTE_MS);
  expect(breach({ breachId: "call-1" })).toStrictEqual({ level: 0, hasChanged: false });
});

test("a reset forgets one ladder; ladders survive a restart", () => {
  const { breach, level, ladders, store, nowMs } = climber();
  void breach();
  void breach({ agent: "b" });
  const restarted = new Ladders({ ladders: store.ladders });
  expect(restarted.record({ ...of({}), steps: STEPS, breachId: "again", nowMs: nowMs() })).toMatchObject({
    level: 2,
  });
  void ladders.reset({ policyId: "p", trigger: "calls", agent: "a", tenant: "acme" });
  expect([level(), level({ agent: "b" })]).toStrictEqual([0, 1]);
});

test("breaches at once from many processes are all counted", async () => {
  const { store, nowMs } = climber();
  const ladders = new Ladders({ ladders: slowDocuments(store.ladders) });
  const all = await Promise.all(
    ["1", "2", "3", "4", "5"].map(async (breachId) =>
      ladders.record({ policyId: "p", trigger: "calls", agent: "a", steps: STEPS, breachId, nowMs: nowMs() }),
    ),
  );
  expect(all.map(({ level }) => level).toSorted((a, b) => a - b)).toStrictEqual([1, 2, 3, 3, 4]);
  expect(all.filter(({ hasChanged }) => hasChanged)).toHaveLength(4);
});

const steps = fc.array(
  fc
    .record({ after: fc.integer({ min: 1, max: 5 }), withinS: fc.integer({ min: 1, max: 60 }) })
    .map(({ after, withinS }): EscalationStep => ({
      trigger: "t",
      after,
      within: `${withinS}s`,
      action: { alert: { channel: "log" } },
    })),
  { minLength: 1, maxLength: 4 },
);

test("a ladder equals its reference model: the highest step whose breaches fit, looked up in the whole history", () => {
  fc.assert(
    fc.property(
      steps,
      fc.array(fc.record({ pauseMs: fc.nat(20_000), id: fc.nat(30) }), { maxLength: 40 }),
      (list, breaches) => {
        const machines = createTestMachines();
        const ladders = new Ladders({ ladders: machines.store.ladders });
        const history = new Map<number, number>();
        const modelLevel = (): number => {
          const now = machines.nowMs();
          const reached = list.map(({ after, within }) => {
            const sinceMs = now - Number(within.slice(0, -1)) * 1_000;
            return [...history.values()].filter((at) => at > sinceMs && at <= now).length >= after;
          });
          return reached.lastIndexOf(true) + 1;
        };
        for (const { pauseMs, id } of breaches) {
          machines.advanceMs(pauseMs);
          const before = modelLevel();
          if (!history.has(id)) history.set(id, machines.nowMs());
          const told = ladders.record({
            policyId: "p",
            trigger: "t",
            agent: "a",
            steps: list,
            breachId: `${id}`,
            nowMs: machines.nowMs(),
          });
          const level = modelLevel();
          const step = list[level - 1];
          expect(told).toStrictEqual({ level, ...(step && { step }), hasChanged: level !== before });
        }
      },
    ),
    { numRuns: 200 },
  );
});

test("a step that needs many breaches is reached", () => {
  const { store, nowMs } = climber();
  const ladders = new Ladders({ ladders: store.ladders });
  const far: readonly EscalationStep[] = [{ trigger: "t", after: 300, within: "1h", action: { block: {} } }];
  const levels = Array.from({ length: 300 }, (_, index) =>
    ladders.record({
      policyId: "p",
      trigger: "t",
      agent: "a",
      steps: far,
      breachId: `${index}`,
      nowMs: nowMs(),
    }),
  );
  expect(levels.slice(-2)).toMatchObject([{ level: 0 }, { level: 1 }]);
});

test("levelOf takes the highest step in list order, whatever the order of numbers", () => {
  const odd = [STEPS[3], STEPS[0]].filter((step) => step !== undefined);
  expect(levelOf(odd, [1, 2, 3, 4, 5], 5)).toBe(2);
  expect(levelOf(odd, [], 5)).toBe(0);
});
