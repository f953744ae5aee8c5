/* oxlint-disable no-await-in-loop -- what one process does before the other is what is checked */
import { deepStrictEqual, ok, strictEqual } from "node:assert/strict";

import type { Clock } from "../base/ports.ts";
import { createPorts } from "../base/runtime.ts";
import type { ContextInit } from "../context/context-init.ts";
import type { PlaneOptions } from "../plane-options.ts";
import { createAgentPlane, type AgentPlane } from "../plane.ts";
import type { Policy } from "../policy/policy.ts";
import { rule } from "../rules/rule-factory.ts";
import type { Behaviour, StoreUnderTest } from "./contract-case.ts";

const HOUR_MS = 3_600_000;
const BOT = { kind: "agent", id: "bot" } as const;
const OLGA = { by: "olga", reason: "incident" };
const TOOLS: NonNullable<PlaneOptions["tools"]> = {
  look: { access: "read", external: false },
  pay: { access: "write", external: true },
};
const CALLS = 6;
const RUN_MS = 150;
const MAX_LOOKS = 250;
/** How far what two processes know of one clock may be apart. */
const AGREED_MS = 5_000;

type Planes = readonly [ahead: AgentPlane, behind: AgentPlane];

/**
 * One behaviour of planes in two processes, of which the clock of one is an hour ahead and that of the other behind. Where
 * a store has no time of its own there is one process, and one clock.
 */
function apart(
  options: PlaneOptions,
  check: (planes: Planes, subject: StoreUnderTest) => Promise<void>,
): Behaviour[1] {
  return async (subject) => {
    const { store, second = store } = subject;
    if (subject.second !== undefined)
      ok(store.nowMs && second.nowMs, "a store that processes share tells them the time");
    const open = (state: typeof store, offsetMs: number): AgentPlane =>
      createAgentPlane({
        tools: TOOLS,
        ...options,
        state,
        ...(state.nowMs !== undefined && { ports: { clock: clockOff(offsetMs) } }),
      });
    const planes: Planes = [open(store, HOUR_MS), open(second, -HOUR_MS)];
    await Promise.all(planes.map(async (plane) => plane.ready()));
    try {
      await check(planes, subject);
    } finally {
      await Promise.all(planes.map(async (plane) => plane.close()));
    }
  };
}

function clockOff(offsetMs: number): Clock {
  const { clock } = createPorts();
  return { wallMs: () => clock.wallMs() + offsetMs, elapsedMs: () => clock.elapsedMs() };
}

function callOf(tool: string, more: Partial<ContextInit> = {}): ContextInit {
  const call = { hookpoint: "before_tool_call", agent: BOT.id, session: "s" } as const;
  return { ...call, tool: { name: tool, input: { n: 1 } }, ...more };
}

/** Runs calls in turn by each plane, all at once; answers how many of them have run. */
async function runAtOnce(planes: Planes, context: (at: number) => ContextInit): Promise<number> {
  const { timers } = createPorts();
  let runs = 0;
  await Promise.all(
    Array.from({ length: CALLS }, async (_, at) => {
      const { guard } = planes[at % 2 === 0 ? 0 : 1];
      await guard.toolCall({
        context: guard.context(context(at)),
        // Long enough for the others to come meanwhile.
        run: () => {
          runs++;
          return new Promise<void>((resolve) => void timers.set(resolve, RUN_MS));
        },
      });
    }),
  );
  return runs;
}

/** What another process has done is heard a moment later. */
async function heard(isHeard: () => boolean, { advanceMs }: StoreUnderTest): Promise<void> {
  for (let look = 0; look < MAX_LOOKS && !isHeard(); look++) await advanceMs(20);
}

/** What planes on one state promise whatever the clocks of their processes show. */
export const PLANE_CLOCK_BEHAVIOURS: readonly Behaviour[] = [
  [
    "by planes whose clocks are hours apart: every process counts by one time",
    apart({}, async (_, { store, second }) => {
      if (second === undefined) return;
      const [one = NaN, other = NaN] = [store.nowMs?.(), second.nowMs?.()];
      ok(Math.abs(one - other) < AGREED_MS, `${one} and ${other} are not one time`);
    }),
  ],
  [
    "by planes whose clocks are hours apart: a mode with an end holds in every process",
    apart({}, async (planes, subject) => {
      for (const plane of planes) {
        await plane.controls.degrade(BOT, { mode: "READ_ONLY", recover: { after: "30m" } }, OLGA);
        const others = planes.filter((other) => other !== plane);
        for (const other of others) {
          await heard(() => other.controls.status().modes.length > 0, subject);
          strictEqual((await other.engine.decide(callOf("pay"))).cause, "mode");
        }
        strictEqual((await plane.engine.decide(callOf("pay"))).cause, "mode");
        await plane.controls.recover(BOT, OLGA);
        for (const other of others) await heard(() => other.controls.status().modes.length === 0, subject);
      }
    }),
  ],
  [
    "by planes whose clocks are hours apart: a question waits in every process, and its answer counts there",
    apart({ policies: [asked()], approvals: { resolver: "external", key: "k" } }, async (planes) => {
      for (const [at, plane] of planes.entries()) {
        const other = planes[1 - at]!;
        const call = callOf("pay", { callId: `c${at}` });
        const { effect, approvalId = "" } = await plane.engine.decide(call);
        strictEqual(effect, "ask");
        strictEqual((await other.approvals.get(approvalId))?.status, "pending");
        await other.approvals.approve(approvalId, { by: "mira", role: "operator" });
        strictEqual((await plane.engine.decide(call)).effect, "allow");
      }
    }),
  ],
  [
    "by planes whose clocks are hours apart: a call with one id runs once, also where it may run again after a crash",
    apart({ onUnknownOutcome: "rerun" }, async (planes) => {
      const [ahead, behind] = planes;
      for (const order of [planes, [behind, ahead]] as const) {
        const call = callOf("look", { callId: `begun ${order === planes ? "ahead" : "behind"}` });
        strictEqual(await runAtOnce(order, () => call), 1);
        strictEqual(await runAtOnce(order, () => call), 0);
      }
    }),
  ],
  [
    "by planes whose clocks are hours apart: what has run does not run again within its window",
    apart({ policies: [{ id: "p", blocking: [rule.idempotency({ window: "30m" })] }] }, async (planes) => {
      for (const [at, plane] of planes.entries()) {
        const other = planes[1 - at]!;
        const call = { context: callOf("pay", { session: `s${at}` }), run: () => "paid" };
        strictEqual((await plane.guard.toolCall(call)).status, "ran");
        strictEqual((await other.guard.toolCall(call)).status, "blocked");
      }
    }),
  ],
  [
    "by planes whose clocks are hours apart: of calls at once as many run as a limit has room for",
    apart(
      { policies: [{ id: "p", blocking: [rule.rate({ limit: 2, window: "30m", per: "agent" })] }] },
      async (planes) => {
        strictEqual(await runAtOnce(planes, (at) => callOf("look", { callId: `c${at}` })), 2);
        const refused = await Promise.all(planes.map(async ({ engine }) => engine.decide(callOf("look"))));
        deepStrictEqual(
          refused.map(({ effect }) => effect),
          ["block", "block"],
        );
      },
    ),
  ],
];

function asked(): Policy {
  return {
    id: "ask",
    blocking: [rule.condition({ where: { tool: "pay" }, ["then"]: "escalate", reason: "a person decides" })],
    escalation: [{ trigger: "condition", after: 1, within: "1h", action: { hitl: { timeout: "5m" } } }],
  };
}
