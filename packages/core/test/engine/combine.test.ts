/* oxlint-disable unicorn/no-thenable -- `then` is a word of the policy language: a text, never a function */
import { describe, expect, it } from "vitest";
import { z } from "zod";

import { rule } from "../../src/rules/rule-factory.ts";
import { defineRule } from "../../src/rules/rule.ts";
import { blocking, createBench, toolCall } from "../plane/bench.ts";

const deny = (tool: string): ReturnType<typeof rule.denylist> => rule.denylist({ tools: [tool] });
const allow = (tool: string): ReturnType<typeof rule.allowlist> => rule.allowlist({ tools: [tool] });
const escalate = rule.condition({ where: { agent: "*" }, then: "escalate", reason: "a person must look" });

/** A rule that answers after a while. */
function slow(
  kind: string,
  delayMs: number,
  answer: "block" | "allow",
  log: string[] = [],
): ReturnType<typeof defineRule> {
  return defineRule({
    kind,
    summary: "Answers late.",
    timing: "blocking",
    hookpoints: ["*"],
    params: z.strictObject({}),
    example: {},
    isStateless: true,
    compile: (_params, { timers }) => ({
      check: () =>
        new Promise((resolve) => {
          log.push(`${kind} starts`);
          timers.set(() => resolve({ answer: { answer, reason: kind } }), delayMs);
        }),
    }),
  });
}

describe("mostRestrictive", () => {
  it("blocks when any policy blocks, whatever the priorities", async () => {
    const { plane } = createBench({
      policies: [
        blocking("a", [allow("update")], { priority: 9 }),
        blocking("b", [deny("update")], { priority: 1 }),
      ],
    });
    expect(await plane.engine.decide(toolCall("update"))).toMatchObject({
      effect: "block",
      verdict: "block",
      cause: "rule",
      policyId: "b",
      ruleId: "denylist",
    });
  });

  it("stops at the first block, and asks everyone when explaining", async () => {
    const { plane } = createBench({
      policies: [blocking("a", [deny("update")]), blocking("b", [deny("update")])],
    });
    const decision = await plane.engine.decide(toolCall("update"));
    expect(decision.findings.map(({ policyId }) => policyId)).toStrictEqual(["a"]);
    const explained = await plane.engine.explain(toolCall("update"));
    expect(explained.findings.map(({ policyId }) => policyId)).toStrictEqual(["a", "b"]);
  });

  it("names the strictest answer as verdict and what happens as effect", async () => {
    const { plane } = createBench({
      policies: [blocking("a", [allow("update")]), blocking("b", [escalate])],
      approvals: { resolver: "external" },
    });
    const decision = await plane.engine.decide(toolCall("update"));
    expect(decision).toMatchObject({ verdict: "escalate", effect: "ask", cause: "approval", policyId: "b" });
    expect(decision.reason).toBe("a person must look");
    expect(decision.findings.map(({ answer }) => answer)).toStrictEqual(["allow", "escalate"]);
  });
});

describe("priority", () => {
  it("lets the highest policy with an opinion decide between allow and stricter", async () => {
    const { plane } = createBench({
      combine: "priority",
      policies: [
        blocking("silent", [deny("other")], { priority: 9 }),
        blocking("high", [allow("update")], { priority: 5 }),
        blocking("low", [deny("update")], { priority: 1 }),
      ],
    });
    expect(await plane.engine.decide(toolCall("update"))).toMatchObject({
      effect: "allow",
      policyId: "high",
    });
  });

  it("applies a lower policy's hard limit although a policy between them blocks in vain", async () => {
    const { plane } = createBench({
      combine: "priority",
      policies: [
        blocking("high", [allow("update")], { priority: 5 }),
        blocking("middle", [deny("update")], { priority: 3 }),
        blocking("low", [rule.rate({ limit: 1, window: "1m" })], { priority: 1 }),
      ],
    });
    expect(await plane.engine.decide(toolCall("update"))).toMatchObject({
      effect: "allow",
      policyId: "high",
    });
    expect(await plane.engine.decide(toolCall("update"))).toMatchObject({
      effect: "block",
      cause: "limit",
      policyId: "low",
    });
  });

  it("applies a lower policy's redaction although a policy between them blocks in vain", async () => {
    const { plane } = createBench({
      combine: "priority",
      policies: [
        blocking("high", [allow("update")], { priority: 5 }),
        blocking("middle", [deny("update")], { priority: 3 }),
        blocking("low", [rule.redact({ fields: ["ssn"], from: ["input"] })], { priority: 1 }),
      ],
    });
    const admitted = await plane.guard.admit(plane.guard.context(toolCall("update", { ssn: "123" })));
    expect(admitted).toMatchObject({ status: "admitted", input: { ssn: "[REDACTED]" } });
  });

  it("opens the approval that the deciding policy asks for although a lower one blocks in vain", async () => {
    const { plane } = createBench({
      combine: "priority",
      approvals: { resolver: "external" },
      policies: [
        blocking("high", [escalate], { priority: 5 }),
        blocking("low", [deny("update")], { priority: 1 }),
      ],
    });
    const decision = await plane.engine.decide(toolCall("update"));
    expect(decision).toMatchObject({ effect: "ask", policyId: "high" });
    expect(await plane.approvals.get(decision.approvalId ?? "")).toMatchObject({ status: "pending" });
  });

  it("is told apart by id where priorities are equal", async () => {
    const policies = [blocking("b", [deny("update")]), blocking("a", [allow("update")])];
    const { plane } = createBench({ combine: "priority", policies });
    expect(await plane.engine.decide(toolCall("update"))).toMatchObject({ effect: "allow", policyId: "a" });
  });
});

describe("asynchronous rules", () => {
  it("are awaited together, not one after the other", async () => {
    const log: string[] = [];
    const { plane, ports } = createBench({
      rules: [slow("first", 500, "allow", log), slow("second", 500, "block", log)],
      policies: [blocking("a", [{ rule: "first" }, { rule: "second" }])],
    });
    const deciding = plane.engine.decide(toolCall("update"));
    expect(log).toStrictEqual(["first starts", "second starts"]);
    await ports.clock.advanceAsync(500);
    expect(await deciding).toMatchObject({ effect: "block", ruleId: "second" });
  });

  it("do not hold up a synchronous block", async () => {
    const { plane } = createBench({
      rules: [slow("first", 500, "allow")],
      policies: [blocking("a", [{ rule: "first" }, deny("update")])],
    });
    expect(plane.engine.decide(toolCall("update"))).toMatchObject({ effect: "block", ruleId: "denylist" });
  });

  it("wait under priority when an earlier policy may still decide otherwise", async () => {
    const { plane, ports } = createBench({
      combine: "priority",
      rules: [slow("first", 500, "allow")],
      policies: [
        blocking("a", [{ rule: "first" }], { priority: 2 }),
        blocking("b", [deny("update")], { priority: 1 }),
      ],
    });
    const deciding = plane.engine.decide(toolCall("update"));
    await ports.clock.advanceAsync(500);
    expect(await deciding).toMatchObject({ effect: "allow", policyId: "a" });
  });
});

it("an escalation about a result withholds it and does not say that it is allowed", async () => {
  const { plane } = createBench({
    approvals: { resolver: "external" },
    policies: [
      blocking("a", [
        rule.condition({ where: { result: { paid: true } }, then: "escalate", reason: "paid" }),
      ]),
    ],
  });
  const after = await plane.engine.decide({
    ...toolCall("update"),
    hookpoint: "after_tool_call",
    result: { paid: true },
  });
  expect(after).toMatchObject({ effect: "block", verdict: "escalate", reason: "paid" });
  expect(after.message).toContain("paid");
});
