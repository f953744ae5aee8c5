/* oxlint-disable unicorn/no-thenable -- `then` is a word of the policy language: a text, never a function */
import { describe, expect, it } from "vitest";

import type { Decision } from "../../src/decision/decision.ts";
import type { Policy } from "../../src/policy/policy.ts";
import { rule } from "../../src/rules/rule-factory.ts";
import { memoryState } from "../../src/store/memory-state.ts";
import { blocking, createBench, toolCall, type Bench, type CallChange } from "../plane/bench.ts";

const OLGA = { by: "olga", role: "operator" } as const;
const asking: Policy = blocking(
  "ask",
  [rule.condition({ id: "mail", where: { tool: "send_mail" }, then: "escalate" })],
  {
    escalation: [
      { trigger: "mail", after: 1, within: "10m", action: { hitl: {} } },
      { trigger: "mail", after: 2, within: "10m", action: { block: {} } },
    ],
  },
);

function benchOf(state = memoryState()): Bench {
  return createBench({ policies: [asking], approvals: { resolver: "external" }, state });
}

async function mail({ plane }: Bench, change: CallChange = {}, to = "x@y.z"): Promise<Decision> {
  return plane.engine.decide(toolCall("send_mail", { to }, { questionId: "q1", ...change }));
}

describe("a call with a question id", () => {
  it("asks once and breaches once, however often it comes, until it was answered", async () => {
    const bench = benchOf();
    const first = await mail(bench);
    expect(first).toMatchObject({ effect: "ask" });
    expect(await mail(bench)).toMatchObject({ effect: "ask", approvalId: first.approvalId });
    await bench.plane.approvals.approve(first.approvalId ?? "", OLGA);
    expect(await mail(bench)).toMatchObject({ effect: "allow", approvalId: first.approvalId });
    const next = await mail(bench);
    expect(next).toMatchObject({ effect: "ask" });
    expect(next.approvalId).not.toBe(first.approvalId);
  });

  it.each([
    ["another id", { questionId: "q2" }, undefined],
    ["another input", {}, "a@b.c"],
  ] as const)("is another one with %s: it breaches anew", async (_what, change, to) => {
    const bench = benchOf();
    await mail(bench);
    expect(await mail(bench, change, to)).toMatchObject({ effect: "block" });
  });

  it("is not remembered when nobody is asked: it is no protection from replays", async () => {
    const state = memoryState();
    const { plane } = benchOf(state);
    const context = plane.guard.context(toolCall("search", {}, { questionId: "q1" }));
    expect(await plane.guard.toolCall({ context, run: () => 1 })).toMatchObject({ status: "ran" });
    expect(await plane.guard.toolCall({ context, run: () => 2 })).toMatchObject({ status: "ran" });
    expect(state.admissions.size).toBe(0);
  });
});
