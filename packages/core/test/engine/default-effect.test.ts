/* oxlint-disable unicorn/no-thenable -- `then` is a word of the policy language: a text, never a function */
import { describe, expect, it } from "vitest";

import { ApprovalPending, PolicyBlocked, PolicyDegraded } from "../../src/decision/policy-error.ts";
import { rule } from "../../src/rules/rule-factory.ts";
import { blocking, createBench, modelCall, toolCall } from "../plane/bench.ts";

const deny = (tool: string): ReturnType<typeof rule.denylist> => rule.denylist({ tools: [tool] });
const allow = (tool: string): ReturnType<typeof rule.allowlist> => rule.allowlist({ tools: [tool] });
const escalate = rule.condition({ where: { agent: "*" }, then: "escalate", reason: "a person must look" });

describe("default effect", () => {
  it("blocks what no enforcing rule has an opinion on, before anything is reserved", async () => {
    const { plane } = createBench({
      defaultEffect: "block",
      policies: [blocking("limits", [rule.rate({ limit: 1, window: "1h" })])],
    });
    expect(await plane.engine.decide(toolCall("update"))).toMatchObject({
      effect: "block",
      cause: "default",
    });
    const [state] = await plane.limits.read({
      policyId: "limits",
      ruleId: "rate",
      agent: "bot",
      tenant: "acme",
    });
    expect(state).toMatchObject({ used: 0, held: 0 });
  });

  it("lets an allowlist grant what the default would block", async () => {
    const { plane } = createBench({ defaultEffect: "block", policies: [blocking("a", [allow("update")])] });
    expect(await plane.engine.decide(toolCall("update"))).toMatchObject({ effect: "allow", policyId: "a" });
    expect(await plane.engine.decide(modelCall())).toMatchObject({ effect: "block" });
  });

  it("says apart that no policy concerns the call", async () => {
    const { plane } = createBench({
      policies: [blocking("a", [deny("x")], { selector: { agents: ["other"] } })],
    });
    expect(await plane.engine.decide(toolCall("update"))).toMatchObject({
      effect: "allow",
      cause: "no_policy",
    });
  });

  it("says what to write where no rule allows a run to begin, and lets that very rule allow it", async () => {
    const run = { hookpoint: "before_agent", agent: "bot", tenant: "acme" } as const;
    const strict = createBench({ defaultEffect: "block", policies: [blocking("a", [allow("update")])] });
    const blocked = await strict.plane.engine.decide(run);
    expect(blocked).toMatchObject({ effect: "block", cause: "default" });
    const [, written] = /add (\{.*\})/.exec(blocked.reason) ?? [];
    expect(written).toBe("{ rule: condition, where: { hookpoint: before_agent }, then: allow }");
    const granted = rule.condition({ where: { hookpoint: "before_agent" }, then: "allow" });
    const { plane } = createBench({
      defaultEffect: "block",
      policies: [blocking("a", [allow("update"), granted])],
    });
    expect(await plane.engine.decide(run)).toMatchObject({ effect: "allow", policyId: "a" });
    expect(await plane.engine.decide(modelCall())).toMatchObject({ effect: "block" });
  });

  it("is not asked again about the result of an action that was allowed", async () => {
    const { plane } = createBench({ defaultEffect: "block", policies: [blocking("a", [allow("update")])] });
    const outcome = await plane.guard.toolCall({
      context: plane.guard.context(toolCall("update")),
      run: () => "ok",
    });
    expect(outcome).toMatchObject({ status: "ran", result: "ok" });
  });
});

describe("evaluate", () => {
  it("returns on allow and throws the error that fits the denial", async () => {
    const { plane } = createBench({
      approvals: { resolver: "external" },
      policies: [
        blocking("a", [deny("update")]),
        blocking("b", [escalate], { selector: { tools: ["send_mail"] } }),
      ],
    });
    expect(await plane.engine.evaluate(toolCall("search"))).toMatchObject({ effect: "allow" });
    const blocked = await plane.engine.evaluate(toolCall("update")).catch((error: unknown) => error);
    expect(blocked).toBeInstanceOf(PolicyBlocked);
    expect(blocked).toMatchObject({ code: "policy_blocked", policyId: "a", ruleId: "denylist" });
    const pending = await plane.engine.evaluate(toolCall("send_mail")).catch((error: unknown) => error);
    expect(pending).toBeInstanceOf(ApprovalPending);
    expect(pending).toMatchObject({ code: "approval_pending", approvalId: expect.stringContaining("apr") });
    await plane.controls.degrade({ kind: "global" }, "READ_ONLY", { by: "olga" });
    const degraded = await plane.engine.evaluate(toolCall("send_mail")).catch((error: unknown) => error);
    expect(degraded).toBeInstanceOf(PolicyDegraded);
  });

  it("carries when a limited call may be tried again", async () => {
    const { plane, ports } = createBench({
      policies: [blocking("a", [rule.rate({ limit: 1, window: "1m" })])],
    });
    await plane.engine.evaluate(toolCall("search"));
    ports.clock.advance(20_000);
    await expect(plane.engine.evaluate(toolCall("search"))).rejects.toMatchObject({ retryAfterMs: 40_000 });
  });
});

it("a decision is JSON and never holds a raw argument", async () => {
  const { plane } = createBench({
    policies: [blocking("a", [rule.condition({ where: { input: { note: "hunter2" } } })])],
  });
  const decision = await plane.engine.decide(toolCall("update", { note: "hunter2" }));
  expect(decision.effect).toBe("block");
  const text = JSON.stringify(decision);
  expect(JSON.parse(text)).toMatchObject({ effect: "block", policyId: "a" });
  expect(text).not.toContain("hunter2");
});

it("decides synchronously in memory and creates no promise", () => {
  const { plane } = createBench({
    policies: [blocking("a", [rule.rate({ limit: 5, window: "1m" }), deny("x")])],
  });
  expect(plane.engine.decide(toolCall("update", {}, { callId: "c1" }))).not.toBeInstanceOf(Promise);
});
