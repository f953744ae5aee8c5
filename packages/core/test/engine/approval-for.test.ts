/* oxlint-disable unicorn/no-thenable -- `then` is a word of the policy language: a text, never a function */
import { describe, expect, it } from "vitest";

import type { Decision } from "../../src/decision/decision.ts";
import { rule } from "../../src/rules/rule-factory.ts";
import { blocking, createBench, toolCall, type Bench, type CallChange } from "../plane/bench.ts";

const OLGA = { by: "olga", role: "operator" } as const;
const ASKING = blocking("ask", [
  rule.condition({ id: "mail", where: { tool: "send_mail" }, then: "escalate" }),
]);

function mail({ plane }: Bench, change: CallChange): Promise<Decision> | Decision {
  return plane.engine.decide(toolCall("send_mail", { to: "x@y.z" }, change));
}

async function approvedBench(change: CallChange) {
  const bench = createBench({ policies: [ASKING], approvals: { resolver: "external" } });
  const { approvalId = "" } = await mail(bench, change);
  await bench.plane.approvals.approve(approvalId, OLGA);
  return { bench, approvalId };
}

describe("an approval", () => {
  it.each<[string, CallChange, CallChange, "allow" | "ask"]>([
    ["of any call", { callId: "a" }, { callId: "b" }, "allow"],
    ["of one call", { callId: "a", approvalFor: "call" }, { callId: "b", approvalFor: "call" }, "ask"],
    ["of one call", { callId: "a", approvalFor: "call" }, { callId: "b" }, "ask"],
    ["of any call", { callId: "a" }, { callId: "b", approvalFor: "call" }, "ask"],
  ])(
    "%s is good for the same action of another call only where both say so",
    async (_name, one, other, effect) => {
      const { bench, approvalId } = await approvedBench(one);
      const second = await mail(bench, other);
      expect(second.effect).toBe(effect);
      expect(second.approvalId === approvalId).toBe(effect === "allow");
    },
  );

  it("of one call is good for that call, once", async () => {
    const call = { callId: "a", approvalFor: "call" } as const;
    const { bench, approvalId } = await approvedBench(call);
    expect(await mail(bench, call)).toMatchObject({ effect: "allow", approvalId });
    expect(await mail(bench, call)).toMatchObject({ effect: "block" });
  });

  it.each<[string, object]>([
    ["needs a callId", { approvalFor: "call" }],
    ['must be "action" or "call"', { callId: "a", approvalFor: "calls" }],
  ])("that %s is refused otherwise", (words, change) => {
    const { plane } = createBench();
    expect(() => plane.guard.context(toolCall("send_mail", {}, change))).toThrow(words);
  });
});
