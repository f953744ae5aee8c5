import { deepStrictEqual, strictEqual } from "node:assert/strict";

import type { ContextInit } from "../context/context-init.ts";
import type { PlaneOptions } from "../plane-options.ts";
import { createAgentPlane, type AgentPlane } from "../plane.ts";
import type { Policy } from "../policy/policy.ts";
import { rule } from "../rules/rule-factory.ts";
import type { Behaviour, StoreUnderTest } from "./contract-case.ts";

const ASKED: Policy = {
  id: "ask",
  blocking: [rule.condition({ where: { tool: "wire" }, then: "escalate", reason: "a person decides" })],
};
const OLGA = { by: "olga", reason: "incident" };
const EACH = 4;
const MAX_LOOKS = 250;

type Pair = readonly [AgentPlane, AgentPlane];

/** One behaviour of two planes on one state, each in a process of its own where the store can be opened twice. */
function shared(
  options: PlaneOptions,
  check: (planes: Pair, subject: StoreUnderTest) => Promise<void>,
): Behaviour[1] {
  return async (subject) => {
    const { store, second = store } = subject;
    const planes: Pair = [
      createAgentPlane({ ...options, state: store }),
      createAgentPlane({ ...options, state: second }),
    ];
    await Promise.all(planes.map(async (plane) => plane.ready()));
    try {
      await check(planes, subject);
    } finally {
      await Promise.all(planes.map(async (plane) => plane.close()));
    }
  };
}

/** Does something several times in both at once. */
async function atOnce<T>(planes: Pair, act: (plane: AgentPlane, name: string) => Promise<T>): Promise<T[]> {
  const names = Array.from({ length: EACH }, (_, index) => String(index));
  return Promise.all(names.flatMap((name) => planes.map(async (plane, at) => act(plane, `${name}-${at}`))));
}

function wire(callId: string): ContextInit {
  const call = { hookpoint: "before_tool_call", agent: "bot", session: "s", callId } as const;
  return { ...call, tool: { name: "wire", input: { n: 1 } } };
}

/** What planes on one state promise about what they do at the same moment. */
export const PLANE_SHARED_BEHAVIOURS: readonly Behaviour[] = [
  [
    "by two planes at once: an approval lets one call through, and counts as used",
    shared({ policies: [ASKED], approvals: { resolver: "external", key: "k" } }, async (planes) => {
      const [first] = planes;
      const { approvalId = "" } = await first.engine.decide(wire("first"));
      await first.approvals.approve(approvalId, { by: "mira", role: "operator" });
      const decisions = await atOnce(planes, async ({ engine }, name) => engine.decide(wire(name)));
      const allowed = decisions.filter(({ effect }) => effect === "allow");
      deepStrictEqual(
        allowed.map((decision) => decision.approvalId),
        [approvalId],
      );
      strictEqual((await first.approvals.get(approvalId))?.status, "consumed");
    }),
  ],
  [
    "by two planes at once: every version that is published has a number of its own, and none is lost",
    shared({}, async (planes) => {
      const published = await atOnce(planes, async ({ versions }, name) =>
        versions.publish({ ...ASKED, description: name }, { author: "ada", changelog: name }),
      );
      const kept = await planes[1].versions.history("ask");
      const namesOf = (list: typeof published): unknown =>
        Object.fromEntries(list.map(({ version, policy }) => [version, policy.description]));
      deepStrictEqual(namesOf([...kept]), namesOf(published));
      strictEqual(kept.length, 2 * EACH);
    }),
  ],
  [
    "by two planes at once: whatever is unplugged is, and a plug lifts nothing beside it",
    shared({}, async (planes, { advanceMs }) => {
      const lifted = { kind: "agent", id: "lifted" } as const;
      await planes[0].controls.unplug(lifted, OLGA);
      await Promise.all([
        atOnce(planes, async ({ controls }, id) => controls.unplug({ kind: "agent", id }, OLGA)),
        planes[1].controls.plug(lifted, OLGA),
      ]);
      for (const [at, plane] of planes.entries()) {
        const isHeard = (): boolean => plane.controls.status().plugs.length === 2 * EACH;
        // What another process has done is heard a moment later.
        // oxlint-disable-next-line no-await-in-loop
        for (let look = 0; look < MAX_LOOKS && !isHeard(); look++) await advanceMs(20);
        const causeOf = async (agent: string): Promise<unknown> =>
          (await plane.engine.decide({ ...wire(`asked of ${at}`), agent })).cause;
        // oxlint-disable-next-line no-await-in-loop -- one plane after the other
        const causes = await atOnce(planes, async (_, agent) => causeOf(agent));
        deepStrictEqual([...new Set(causes)], ["unplugged"]);
        // oxlint-disable-next-line no-await-in-loop -- as above
        strictEqual(await causeOf(lifted.id), "no_policy");
      }
    }),
  ],
];
