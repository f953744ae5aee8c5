import { setTimeout } from "node:timers/promises";

import { describe, expect, test } from "vitest";
import * as z from "zod/mini";

import { createAgentPlane, memoryState, rule, type AgentPlane, type PlaneOptions } from "../../src/index.ts";
import type { MemoryState } from "../../src/store/memory-state.ts";
import type { StateStore, StoreAdmissionAnswer } from "../../src/store/state-store.ts";
import { createContext, type ContextInit } from "../../src/context/create-context.ts";
import type { Ruling } from "../../src/decision/decision-point.ts";
import { defineRule } from "../../src/rules/rule.ts";
import { createTestPorts } from "../../src/testing/create-test-ports.ts";
import { atOnceState } from "../store/at-once-state.ts";
import { laterState } from "./later-state.ts";

const CONTEXT = {
  hookpoint: "before_tool_call",
  agent: "a",
  session: "s",
  tool: { name: "pay", input: { amount: 1 } },
} as const;
const CALL = { ...CONTEXT, callId: "call-1" } as const;
const RATE = rule.rate({ limit: 2, window: "1h", per: "agent" });
const LOOP = rule.loop({ maxRepeats: 1 });

/** A store that admits in one step and answers later, with a hand on what happens on the way. */
interface Wired {
  readonly memory: MemoryState;
  readonly state: StateStore;
  /** What was asked of it for admissions, in order. */
  readonly asked: string[];
  /** Nothing is answered but `admit`. */
  isAway: boolean;
  /** Runs around `admit`. */
  around: (admit: () => Promise<StoreAdmissionAnswer>) => Promise<StoreAdmissionAnswer>;
}

function wire(memory: MemoryState = memoryState({ clock: { nowMs: () => 1_772_323_200_000 } })): Wired {
  const later = laterState(atOnceState(memory));
  const asked: string[] = [];
  const counted = <T extends object>(name: string, part: T): T =>
    new Proxy(part, {
      get(target, member) {
        if (wired.isAway && member !== "recent") throw new Error("the connection is lost");
        if (member !== "recent" && member !== "watch" && member !== "list")
          asked.push(`${name}.${String(member)}`);
        return Reflect.get(target, member) as unknown;
      },
    });
  const wired: Wired = {
    memory,
    asked,
    isAway: false,
    around: (admit) => admit(),
    state: {
      ...later,
      ledger: counted("ledger", later.ledger),
      sessions: counted("sessions", later.sessions),
      admissions: counted("admissions", later.admissions),
      admit: (admission) => {
        asked.push("admit");
        return wired.around(async () => later.admit!(admission));
      },
    },
  };
  return wired;
}

async function open(wired: Wired, options: PlaneOptions): Promise<AgentPlane> {
  const plane = createAgentPlane({
    state: wired.state,
    tools: { pay: { access: "write", external: false } },
    ...options,
  });
  await plane.ready();
  wired.asked.length = 0;
  return plane;
}

function decided(plane: AgentPlane, given: ContextInit): Promise<Ruling> {
  // The store answers later, and so does the engine.
  return Promise.resolve(plane.engine.rule(createContext(given, 0), { intent: "admit" }));
}

const policy = (
  ...blocking: readonly ReturnType<typeof rule.rate>[]
): NonNullable<PlaneOptions["policies"]> => [{ id: "p", blocking }];

async function ledgerOf(
  plane: AgentPlane,
  ruleId = "tokens",
): Promise<readonly [used: number, held: number]> {
  const [state] = await plane.limits.read({ policyId: "p", ruleId, agent: "a" });
  return [state!.used, state!.held];
}

const TOKENS = rule.tokenBudget({
  id: "tokens",
  maxTokens: 10_000,
  window: "1h",
  per: "agent",
  maxOutput: 1_000,
});
const MODEL = {
  hookpoint: "before_model_call",
  agent: "a",
  session: "s",
  callId: "model-1",
  model: { name: "m", messages: [{ role: "user", content: "hello" }] },
} as const;

describe("an admission in one step", () => {
  test("asks the store once: limits, history and call together", async () => {
    const wired = wire();
    const plane = await open(wired, { policies: policy(RATE, LOOP) });
    const ruling = await decided(plane, CALL);
    expect(ruling.decision.effect).toBe("allow");
    expect(wired.asked).toEqual(["admit"]);
    wired.asked.length = 0;
    await plane.engine.finish(ruling.decision.id, { status: "ran", context: ruling.context });
    // Known again, and in the history of its session.
    expect((await decided(plane, CALL)).decision.cause).toBe("already_executed");
    const again = await decided(plane, { ...CALL, callId: "call-2" });
    expect([again.decision.effect, again.decision.ruleId]).toEqual(["block", "loop"]);
  });

  test("of one call at once two times, one is admitted and the other is in flight", async () => {
    const wired = wire();
    const plane = await open(wired, { policies: policy(RATE) });
    const causes = await Promise.all([1, 2].map(async () => (await decided(plane, CALL)).decision.cause));
    expect(causes.toSorted()).toEqual(["default", "in_flight"]);
    const [limit] = await plane.limits.read({ policyId: "p", ruleId: "rate", agent: "a" });
    expect(limit?.used).toBe(1);
  });

  test("a second delivery of a call that is refused takes nothing from the layers of the first", async () => {
    const plane = await open(wire(), {});
    let runs = 0;
    const layered = (): unknown =>
      plane.guard.toolCall({
        context: CALL,
        run: async () => plane.guard.toolCall({ context: CALL, run: () => ++runs }),
      });
    const outcomes = await Promise.all([layered(), layered()]);
    expect(outcomes).toMatchObject([
      { status: "ran", result: { status: "ran" } },
      { status: "blocked", decision: { cause: "in_flight" } },
    ]);
    expect(runs).toBe(1);
  });

  test("parallel calls see each other in their history, each decided on what is there when it is written", async () => {
    const wired = wire();
    const plane = await open(wired, { policies: policy(LOOP) });
    const effects = await Promise.all(
      Array.from({ length: 5 }, async (_, at) => {
        const { decision } = await decided(plane, { ...CALL, callId: `call-${at}` });
        return decision.effect;
      }),
    );
    expect(effects.filter((effect) => effect === "allow")).toHaveLength(1);
  });

  test("never blocks for a history that it only believed in", async () => {
    const wired = wire();
    const other = await open(wired, { policies: policy(LOOP) });
    const { decision, context } = await decided(other, CALL);
    const stale: unknown = wired.memory.sessions.list("")[0]?.[1];
    await other.engine.finish(decision.id, { status: "ran", context });
    // The session is forgotten; this process does not know.
    for (const [key] of wired.memory.sessions.list("")) wired.memory.sessions.update(key, () => undefined);
    wired.state.sessions.recent = () => stale;
    const plane = await open(wired, { policies: policy(LOOP) });
    expect((await decided(plane, { ...CALL, callId: "call-2" })).decision.effect).toBe("allow");
  });

  test("a limit that is reached refuses with one question, and is not asked for again", async () => {
    const wired = wire();
    const plane = await open(wired, { policies: policy(RATE) });
    await decided(plane, CONTEXT);
    await decided(plane, CONTEXT);
    wired.asked.length = 0;
    const { decision } = await decided(plane, CONTEXT);
    expect([decision.effect, decision.ruleId]).toEqual(["block", "rate"]);
    expect(wired.asked).toEqual(["admit", "sessions.update"]);
  });

  test("a soft limit that is exceeded climbs its ladder, and the call goes on charged", async () => {
    const wired = wire();
    const soft = rule.rate({ limit: 1, window: "1h", per: "agent", onBreach: "escalate" });
    const alert = { trigger: "rate", after: 1, within: "1h", action: { alert: { channel: "log" } } } as const;
    const plane = await open(wired, { policies: [{ id: "p", blocking: [soft], escalation: [alert] }] });
    await decided(plane, CALL);
    const { decision } = await decided(plane, { ...CALL, callId: "call-2" });
    expect([decision.effect, decision.verdict, decision.isOverrun]).toEqual(["allow", "escalate", true]);
    const [limit] = await plane.limits.read({ policyId: "p", ruleId: "rate", agent: "a" });
    expect(limit?.used).toBe(2);
  });

  test.for([
    ["unplugged", "unplugged", (plane: AgentPlane) => plane.controls.unplug({ kind: "agent", id: "a" }, ACT)],
    [
      "set to a mode that blocks",
      "mode",
      (plane: AgentPlane) =>
        plane.controls.degrade({ kind: "agent", id: "a", tenant: null }, { mode: "FULL_BLOCK" }, ACT),
    ],
    [
      "set to a mode that asks",
      "mode",
      (plane: AgentPlane) =>
        plane.controls.degrade({ kind: "agent", id: "a", tenant: null }, { mode: "HUMAN_LOOP" }, ACT),
    ],
  ] as const)(
    "a call whose agent is %s while the store is asked does not run, and gives all back",
    async ([, cause, act]) => {
      const wired = wire();
      const plane = await open(wired, { policies: policy(RATE), approvals: { resolver: "external" } });
      wired.around = async (admit) => {
        const answer = await admit();
        await act(plane);
        return answer;
      };
      const { decision } = await decided(plane, CALL);
      expect([decision.effect, decision.cause]).toEqual(["block", cause]);
      expect(await ledgerOf(plane, "rate")).toEqual([0, 0]);
      expect(historyOf(wired)).toEqual([["block", false]]);
    },
  );

  test("a throttle that is set while the store is asked costs the call its slot", async () => {
    const wired = wire();
    const plane = await open(wired, { policies: policy(RATE) });
    const slow = { mode: "RATE_THROTTLE", perMinute: 1 } as const;
    wired.around = async (admit) => {
      const answer = await admit();
      await plane.controls.degrade({ kind: "agent", id: "a", tenant: null }, slow, ACT);
      return answer;
    };
    expect((await decided(plane, CALL)).decision.effect).toBe("allow");
    wired.around = (admit) => admit();
    const second = await decided(plane, { ...CALL, callId: "call-2" });
    expect([second.decision.effect, second.decision.cause]).toEqual(["block", "mode"]);
  });

  test("what the store comes to only after the call was given up writes nothing, and the call may come again", async () => {
    const wired = wire();
    const plane = await open(wired, { policies: policy(TOKENS) });
    let late: (() => Promise<StoreAdmissionAnswer>) | undefined;
    wired.around = async (admit) => {
      late = admit;
      throw new Error("too late");
    };
    expect((await decided(plane, MODEL)).decision.cause).toBe("state_error");
    wired.around = (admit) => admit();
    expect(await late?.()).toEqual({ isAdmitted: false, reservation: undefined });
    expect((await decided(plane, MODEL)).decision.effect).toBe("allow");
  });

  test("an answer that is lost blocks the call, gives all back, and the call may come again", async () => {
    const wired = wire();
    const plane = await open(wired, { policies: policy(TOKENS) });
    wired.around = async (admit) => {
      await admit();
      throw new Error("the connection is lost");
    };
    const lost = await decided(plane, MODEL);
    expect([lost.decision.effect, lost.decision.cause]).toEqual(["block", "state_error"]);
    expect(await ledgerOf(plane)).toEqual([0, 0]);
    wired.around = (admit) => admit();
    expect((await decided(plane, MODEL)).decision.effect).toBe("allow");
    expect(historyOf(wired)).toEqual([["allow", true]]);
  });

  test("a call whose answer was lost, and that could not be undone, may come again once the store is back", async () => {
    const wired = wire();
    const ports = createTestPorts();
    const plane = await open(wired, { policies: policy(TOKENS), ports });
    wired.around = async (admit) => {
      await admit();
      wired.isAway = true;
      throw new Error("the connection is lost");
    };
    expect((await decided(plane, MODEL)).decision.cause).toBe("state_error");
    wired.around = (admit) => admit();
    wired.isAway = false;
    expect((await decided(plane, MODEL)).decision.cause).toBe("in_flight");
    ports.clock.advance(1_000);
    await setTimeout(20);
    expect((await decided(plane, MODEL)).decision.effect).toBe("allow");
  });

  test("an attempt that failed gives back nothing of what another process holds for the same call", async () => {
    const wired = wire();
    const plane = await open(wired, { policies: policy(TOKENS) });
    const elsewhere = wire(wired.memory);
    const other = await open(elsewhere, { policies: policy(TOKENS) });
    wired.around = async () => {
      // Not done here; meanwhile the call is made again elsewhere.
      expect((await decided(other, MODEL)).decision.effect).toBe("allow");
      throw new Error("the connection is lost");
    };
    expect((await decided(plane, MODEL)).decision.cause).toBe("state_error");
    const [, held] = await ledgerOf(other);
    expect(held).toBeGreaterThan(1_000);
  });

  test("with onStateError allow a call goes on although nothing could be written, loudly", async () => {
    const wired = wire();
    const plane = await open(wired, { policies: policy(RATE), onStateError: "allow" });
    wired.around = async () => {
      throw new Error("the connection is lost");
    };
    expect((await decided(plane, CALL)).decision).toMatchObject({ effect: "allow", isUnknown: true });
  });

  test("a suspended call keeps what it holds, and is resumed under it", async () => {
    const wired = wire();
    const plane = await open(wired, { policies: policy(TOKENS) });
    const first = await decided(plane, MODEL);
    const before = await ledgerOf(plane);
    expect(before[1]).toBeGreaterThan(0);
    await plane.engine.finish(first.decision.id, { status: "suspended" });
    const resumed = await decided(plane, MODEL);
    expect(resumed.decision.effect).toBe("allow");
    expect(await ledgerOf(plane)).toEqual(before);
    await plane.engine.finish(resumed.decision.id, { status: "ran", context: resumed.context });
    expect((await ledgerOf(plane))[1]).toBe(0);
  });

  test("an approval is used up by the admission that it allows", async () => {
    const wired = wire();
    const ask = rule.condition({ where: { tool: "pay" }, then: "escalate" });
    const plane = await open(wired, { policies: policy(RATE, ask), approvals: { resolver: "external" } });
    const asked = await decided(plane, CALL);
    expect(asked.decision.effect).toBe("ask");
    await plane.approvals.approve(asked.decision.approvalId!, ACT);
    expect((await decided(plane, CALL)).decision.effect).toBe("allow");
    expect((await plane.approvals.get(asked.decision.approvalId!))?.status).toBe("consumed");
  });
});

const ACT = { by: "olga", reason: "test", role: "operator" } as const;

function historyOf({ memory }: Wired): readonly unknown[] {
  const [[, record] = []] = memory.sessions.list<{
    readonly tail: readonly { readonly effect: string; readonly isInFlight: boolean }[];
  }>("");
  return (record?.tail ?? []).map(({ effect, isInFlight }) => [effect, isInFlight]);
}

test.each(["block", "allow"] as const)(
  "who stands in line is told in time where the store stops answering, to which a plane says %s",
  async (onStateError) => {
    const timeoutMs = 250;
    const options = { policies: policy(rule.loop({ maxRepeats: 100 })), stateTimeout: `${timeoutMs}ms` };
    const wired = wire();
    const plane = await open(wired, { ...options, onStateError });
    const CALLS = 24;
    let asked = 0;
    // All but one of them are called off, and stand in line then.
    wired.around = (admit) => (++asked > CALLS ? new Promise(() => undefined) : admit());
    const startMs = performance.now();
    const calls = Array.from({ length: CALLS }, async (_, at) =>
      decided(plane, { ...CONTEXT, callId: `${at}` }),
    );
    const effects = (await Promise.all(calls)).map(({ decision }) => decision.effect);
    expect(effects.filter((effect) => effect !== onStateError).length).toBeLessThanOrEqual(1);
    // One after the other they would take more than twenty times as long.
    expect(performance.now() - startMs).toBeLessThan(12 * timeoutMs);
    await plane.close();
  },
);

test("calls that wait for a slow rule do not wait for each other, too, however many share a history", async () => {
  const CALLS = 12;
  let [judged, running, peak] = [0, 0, 0];
  const slow = defineRule({
    kind: "slow",
    summary: "Asks somebody else.",
    timing: "blocking",
    hookpoints: ["before_tool_call"],
    params: z.strictObject({}),
    example: {},
    isStateless: true,
    compile: () => ({
      async check() {
        running++;
        // All are judged once at the same time; those that were called off are judged again.
        if (++judged > CALLS) peak = Math.max(peak, running);
        await setTimeout(5);
        running--;
        return undefined;
      },
    }),
  });
  const plane = await open(wire(), {
    rules: [slow],
    policies: [{ id: "p", blocking: [rule.loop({ maxRepeats: 100 }), { rule: "slow" }] }],
  });
  const calls = Array.from({ length: CALLS }, async (_, at) =>
    decided(plane, { ...CONTEXT, callId: `${at}` }),
  );
  for (const { decision } of await Promise.all(calls)) expect(decision.effect).toBe("allow");
  expect(peak).toBeGreaterThan(2);
  await plane.close();
});

test.each([
  ["let go on", 100],
  ["refused", 3],
])(
  "nor do those that are %s wait for a record: a disk writes those of many at once",
  async (_what, maxRepeats) => {
    const CALLS = 12;
    const waiting: (() => void)[] = [];
    const audit: NonNullable<PlaneOptions["audit"]> = {
      append: ({ kind }) =>
        kind === "decision" ? new Promise<void>((written) => waiting.push(written)) : undefined,
      flush: () => undefined,
      close: () => undefined,
    };
    const plane = await open(wire(), { audit, policies: policy(rule.loop({ maxRepeats })) });
    const calls = Array.from({ length: CALLS }, async (_, at) =>
      decided(plane, { ...CONTEXT, callId: `${at}` }),
    );
    await expect.poll(() => waiting.length).toBe(CALLS);
    for (const written of waiting) written();
    const effects = (await Promise.all(calls)).map(({ decision }) => decision.effect);
    expect(effects.filter((effect) => effect === "allow")).toHaveLength(Math.min(CALLS, maxRepeats));
    await plane.close();
  },
);
