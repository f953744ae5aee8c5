/* oxlint-disable unicorn/no-thenable -- `then` is a word of the policy language: a text, never a function */
import { describe, expect, it } from "vitest";
import { z } from "zod";

import { rule } from "../../src/rules/rule-factory.ts";
import { defineRule } from "../../src/rules/rule.ts";
import { blocking, createBench, toolCall } from "../plane/bench.ts";

const SHADOW = { mode: "shadow" } as const;

describe("a shadow policy", () => {
  it("says what it would have done, and does nothing", async () => {
    const { plane } = createBench({
      policies: [blocking("s", [rule.denylist({ tools: ["update"] })], SHADOW)],
    });
    const decision = await plane.engine.decide(toolCall("update"));
    expect(decision).toMatchObject({ effect: "allow", cause: "no_policy", findings: [] });
    expect(decision.shadow).toMatchObject([{ policyId: "s", ruleId: "denylist", answer: "block" }]);
  });

  it("is asked even when another policy blocks", async () => {
    const { plane } = createBench({
      policies: [
        blocking("p", [rule.denylist({ tools: ["update"] })], { priority: 9 }),
        blocking("s", [rule.denylist({ tools: ["update"] })], SHADOW),
      ],
    });
    const decision = await plane.engine.decide(toolCall("update"));
    expect(decision).toMatchObject({ effect: "block", policyId: "p", shadow: [{ policyId: "s" }] });
  });

  it("that alone matches leaves the call to the default effect", async () => {
    const { plane } = createBench({
      defaultEffect: "block",
      policies: [blocking("s", [rule.allowlist({ tools: ["update"] })], SHADOW)],
    });
    expect(await plane.engine.decide(toolCall("update"))).toMatchObject({
      effect: "block",
      cause: "no_policy",
    });
  });

  it("counts its limits by itself, never refuses, and starts anew when it is promoted", async () => {
    const limit = [rule.rate({ limit: 1, window: "1h" })];
    const { plane } = createBench({ policies: [blocking("s", limit, SHADOW)] });
    expect((await plane.engine.decide(toolCall("search"))).shadow).toStrictEqual([]);
    const second = await plane.engine.decide(toolCall("search"));
    expect(second).toMatchObject({
      effect: "allow",
      isOverrun: false,
      shadow: [{ policyId: "s", answer: "block" }],
    });
    plane.engine.addPolicy(blocking("s", limit));
    expect(await plane.engine.decide(toolCall("search"))).toMatchObject({ effect: "allow" });
    expect(await plane.engine.decide(toolCall("search"))).toMatchObject({ effect: "block", policyId: "s" });
  });

  it("redacts nothing, sets no mode, asks nobody and climbs no ladder", async () => {
    const bench = createBench({
      approvals: { resolver: "external" },
      policies: [
        blocking(
          "s",
          [rule.redact({ fields: ["ssn"] }), rule.condition({ where: { tool: "search" }, then: "escalate" })],
          {
            ...SHADOW,
            escalation: [
              { trigger: "condition", after: 1, within: "1h", action: { degrade: { mode: "FULL_BLOCK" } } },
            ],
          },
        ),
      ],
    });
    const outcome = await bench.plane.guard.toolCall({
      context: bench.plane.guard.context(toolCall("search")),
      run: () => ({ ssn: "123" }),
    });
    expect(outcome).toMatchObject({
      status: "ran",
      result: { ssn: "123" },
      decision: { shadow: [{ answer: "escalate" }] },
    });
    expect(bench.plane.controls.status().modes).toStrictEqual([]);
    expect(await bench.plane.approvals.list()).toStrictEqual([]);
    expect(bench.controls("ladder")).toStrictEqual([]);
  });

  it("that answers late or fails never delays the call", async () => {
    const slow = defineRule({
      kind: "slow",
      summary: "Takes its time.",
      timing: "blocking",
      hookpoints: ["*"],
      params: z.strictObject({}),
      example: {},
      isStateless: true,
      compile: () => ({ check: () => Promise.reject(new Error("x")) }),
    });
    const { plane } = createBench({ rules: [slow], policies: [blocking("s", [{ rule: "slow" }], SHADOW)] });
    expect(plane.engine.decide(toolCall("search"))).toMatchObject({ effect: "allow" });
    await plane.flush();
  });

  it("promoted without a change of its rules is in force at the next call", async () => {
    const rules = [rule.denylist({ tools: ["update"] })];
    const { plane } = createBench({ policies: [blocking("s", rules, SHADOW)] });
    expect(await plane.engine.decide(toolCall("update"))).toMatchObject({ effect: "allow" });
    plane.engine.addPolicy(blocking("s", rules));
    expect(await plane.engine.decide(toolCall("update"))).toMatchObject({ effect: "block" });
  });
});
