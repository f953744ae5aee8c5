/* oxlint-disable unicorn/no-thenable -- `then` is a word of the policy language: a text, never a function */
import { expect, it } from "vitest";
import { z } from "zod";

import type { Decision } from "../../src/decision/decision.ts";
import type { JsonValue } from "../../src/base/json.ts";
import type { ApprovalTerms, Policy } from "../../src/policy/policy.ts";
import { rule } from "../../src/rules/rule-factory.ts";
import { defineRule } from "../../src/rules/rule.ts";
import type { StateStore } from "../../src/store/state-store.ts";
import { createTestPorts } from "../../src/testing/create-test-ports.ts";
import {
  blocking,
  createBench,
  sharedState,
  toolCall,
  type Bench,
  type BenchOptions,
  type CallChange,
} from "./bench.ts";
import { laterState } from "./later-state.ts";

const OLGA = { by: "olga", role: "operator" } as const;
const asking = rule.condition({
  where: { tool: "send_mail" },
  then: "escalate",
  reason: "mail leaves the house",
});

function benchOf(options: BenchOptions = {}): Bench {
  return createBench({
    approvals: { resolver: "external" },
    policies: [blocking("ask", [asking])],
    ...options,
  });
}

const INPUT = { to: "x@y.z" };

async function mail({ plane }: Bench, input: JsonValue = INPUT, change: CallChange = {}): Promise<Decision> {
  return plane.engine.decide(toolCall("send_mail", input, { callId: "c1", ...change }));
}

/** A ladder that asks at the first breach. */
function atOnce(hitl: ApprovalTerms): Pick<Policy, "escalation"> {
  return { escalation: [{ trigger: "condition", after: 1, within: "1h", action: { hitl } }] };
}

it("the strictest terms of all asks apply: four eyes, operators, the shortest time", async () => {
  const bench = benchOf({
    policies: [
      blocking("a", [asking], atOnce({ timeout: "10m", by: "client" })),
      blocking("b", [asking], atOnce({ timeout: "2m", approvers: 2, by: "operator" })),
    ],
  });
  const pending = await mail(bench, INPUT, { user: "ann" });
  const id = pending.approvalId ?? "";
  expect(await bench.plane.approvals.get(id)).toMatchObject({
    terms: { approvers: 2, by: "operator", timeout: "2m" },
  });
  expect(() => bench.plane.approvals.approve(id, { by: "ui", role: "client" })).toThrow("operator");
  await bench.plane.approvals.approve(id, OLGA);
  expect(await mail(bench, INPUT, { user: "ann" })).toMatchObject({ effect: "ask" });
  await bench.plane.approvals.approve(id, { by: "otto", role: "operator" });
  expect(await mail(bench, INPUT, { user: "ann" })).toMatchObject({ effect: "allow" });
});

it("a resolver function hears of each new request aside, without holding up the decision", async () => {
  const heard: string[] = [];
  const bench = createBench({
    policies: [blocking("ask", [asking])],
    approvals: { resolver: ({ id }) => void heard.push(id) },
  });
  const pending = await mail(bench);
  expect(heard).toStrictEqual([]);
  await bench.plane.flush();
  expect(heard).toStrictEqual([pending.approvalId]);
});

it.each([
  ["at once", (state: StateStore) => state],
  ["later", laterState],
])(
  "a mode that asks is waived by an approval for this call alone, with a store that answers %s",
  async (_when, answering) => {
    const ports = createTestPorts();
    const bench = benchOf({ policies: [], state: answering(sharedState(ports)), sharedPorts: ports });
    await bench.plane.ready();
    await bench.plane.controls.degrade({ kind: "agent", id: "bot" }, "HUMAN_LOOP", { by: "olga" });
    const pending = await mail(bench);
    expect(pending).toMatchObject({ effect: "ask", modes: ["HUMAN_LOOP"] });
    await bench.plane.approvals.approve(pending.approvalId ?? "", OLGA);
    expect(await mail(bench)).toMatchObject({ effect: "allow" });
    expect(await mail(bench, { to: "other" })).toMatchObject({ effect: "ask" });
  },
);

it("a mode that a person sets while the call waits for a rule is asked for too", async () => {
  const slow = defineRule({
    kind: "slow",
    summary: "Takes its time.",
    timing: "blocking",
    hookpoints: ["*"],
    params: z.strictObject({}),
    example: {},
    isStateless: true,
    compile: (_params, { timers }) => ({
      check: () => new Promise((resolve) => timers.set(() => resolve(undefined), 500)),
    }),
  });
  const bench = benchOf({ rules: [slow], policies: [blocking("p", [{ rule: "slow" }])] });
  const deciding = mail(bench);
  await bench.ports.clock.advanceAsync(100);
  await bench.plane.controls.degrade({ kind: "global" }, "HUMAN_LOOP", { by: "olga" });
  await bench.ports.clock.advanceAsync(500);
  const decision = await deciding;
  expect(decision.effect).toBe("ask");
  expect(await bench.plane.approvals.get(decision.approvalId ?? "")).toMatchObject({ status: "pending" });
});
