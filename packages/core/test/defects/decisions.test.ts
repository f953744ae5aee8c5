/* oxlint-disable unicorn/no-thenable -- `then` is a word of the policy language: a text, never a function */
import { expect, it } from "vitest";
import { z } from "zod";

import type { RuleAnswer } from "../../src/decision/answer.ts";
import type { RuleSpec } from "../../src/policy/policy.ts";
import { rule } from "../../src/rules/rule-factory.ts";
import { defineRule } from "../../src/rules/rule.ts";
import { blocking, createBench, toolCall } from "../plane/bench.ts";

const throwing = defineRule({
  kind: "throwing",
  summary: "Throws.",
  timing: "blocking",
  hookpoints: ["*"],
  params: z.strictObject({}),
  example: {},
  isStateless: true,
  compile: () => ({
    check: () => {
      throw new Error("bug");
    },
  }),
});
const escalating = rule.condition({ where: { tool: "send_mail" }, then: "escalate" });

it("rule_exception_blocks_and_is_audited", async () => {
  const bench = createBench({ rules: [throwing], policies: [blocking("p", [{ rule: "throwing" }])] });
  expect(await bench.plane.engine.decide(toolCall("search"))).toMatchObject({
    effect: "block",
    policyId: "p",
    ruleId: "throwing",
  });
  expect(bench.decisions()).toMatchObject([
    { decision: { effect: "block", findings: [{ failure: "threw" }] } },
  ]);
});

it("error_in_block_rule_blocks", async () => {
  const { plane } = createBench({
    policies: [blocking("p", [rule.condition({ where: { input: { amount: { gt: 5 } } } })])],
  });
  expect(await plane.engine.decide(toolCall("update", { amount: "lots" }))).toMatchObject({
    effect: "block",
  });
  expect(await plane.engine.decide(toolCall("update", {}))).toMatchObject({ effect: "block" });
});

it("failed_check_is_not_a_pass", async () => {
  // A check that answers with an error beside a verdict, or with nothing that can be understood, has not passed.
  const answers = [
    { answer: { error: "timeout", verdict: true } },
    { error: "timeout", answer: null },
    "ok",
    true,
  ];
  for (const given of answers) {
    const sloppy = defineRule({
      kind: "sloppy",
      summary: "Answers sloppily.",
      timing: "blocking",
      hookpoints: ["*"],
      params: z.strictObject({}),
      example: {},
      isStateless: true,
      // The point of the test is what the type forbids.
      compile: () => ({ check: () => given as unknown as RuleAnswer }),
    });
    const { plane } = createBench({ rules: [sloppy], policies: [blocking("p", [{ rule: "sloppy" }])] });
    // oxlint-disable-next-line no-await-in-loop -- one plane after the other
    expect(await plane.engine.decide(toolCall("search"))).toMatchObject({
      effect: "block",
      findings: [{ failure: "invalid" }],
    });
  }
});

it("escalate_without_chain_blocks", async () => {
  const { plane } = createBench({ policies: [blocking("p", [escalating])] });
  expect(await plane.engine.decide(toolCall("send_mail"))).toMatchObject({
    effect: "block",
    cause: "approval",
    policyId: "p",
  });
});

it("priority_mode_sees_all_results", async () => {
  const { plane } = createBench({
    combine: "priority",
    policies: [
      blocking("high", [rule.allowlist({ tools: ["update"] }), rule.denylist({ tools: ["update"] })], {
        priority: 9,
      }),
      blocking("low", [rule.allowlist({ tools: ["update"] })], { priority: 1 }),
    ],
  });
  // The first answer of the deciding policy allows; its later one still counts.
  expect(await plane.engine.decide(toolCall("update"))).toMatchObject({
    effect: "block",
    policyId: "high",
    ruleId: "denylist",
  });
});

function noted(id: string, priority: number): ReturnType<typeof blocking> {
  const names = [`${id}1`, `${id}2`];
  return blocking(
    id,
    names.map((name): RuleSpec => ({ rule: "noting", id: name, name })),
    { priority },
  );
}

it("rule_order_matches_policy_order", async () => {
  const order: string[] = [];
  const noting = defineRule({
    kind: "noting",
    summary: "Notes that it was asked.",
    timing: "blocking",
    hookpoints: ["*"],
    params: z.strictObject({ name: z.string() }),
    example: { name: "a" },
    isStateless: true,
    compile: ({ name }) => ({
      check: () => {
        order.push(name);
        return undefined;
      },
    }),
  });
  const { plane } = createBench({ rules: [noting], policies: [noted("b", 1), noted("a", 1), noted("c", 5)] });
  await plane.engine.decide(toolCall("search"));
  expect(order).toStrictEqual(["c1", "c2", "a1", "a2", "b1", "b2"]);
});

it("blocked_call_consumes_nothing", async () => {
  const { plane } = createBench({
    policies: [
      blocking("p", [rule.rate({ limit: 3, window: "1h" })], { priority: 9 }),
      blocking("q", [rule.denylist({ tools: ["update"] })]),
    ],
  });
  for (let time = 0; time < 5; time++) void plane.engine.decide(toolCall("update"));
  const [state] = await plane.limits.read({ policyId: "p", ruleId: "rate", agent: "bot", tenant: "acme" });
  expect(state).toMatchObject({ used: 0, held: 0 });
});

it("default_deny_available", async () => {
  const { plane } = createBench({ defaultEffect: "block" });
  expect(await plane.engine.decide(toolCall("search"))).toMatchObject({
    effect: "block",
    cause: "no_policy",
  });
  plane.engine.addPolicy(
    blocking("p", [rule.allowlist({ tools: ["search"] })], { selector: { tools: ["search"] } }),
  );
  expect(await plane.engine.decide(toolCall("search"))).toMatchObject({ effect: "allow" });
  expect(await plane.engine.decide(toolCall("update"))).toMatchObject({ effect: "block" });
});

it("yaml_action_allow_allows", async () => {
  const { plane } = createBench({ defaultEffect: "block" });
  // As a policy file is read: plain data.
  const document: unknown = JSON.parse(`{
    "apiVersion": "agentplane/v1",
    "policies": [{ "id": "reads", "blocking": [{ "rule": "condition", "where": { "tool": "search" }, "then": "allow" }] }]
  }`);
  plane.engine.replaceAll("file:agentplane.yaml", document as never);
  expect(await plane.engine.decide(toolCall("search"))).toMatchObject({ effect: "allow", policyId: "reads" });
  expect(await plane.engine.decide(toolCall("update"))).toMatchObject({ effect: "block" });
});

it("warn_and_log_do_not_block", async () => {
  const { plane, ports } = createBench({
    policies: [
      blocking("p", [escalating], {
        nonBlocking: [rule.alert({ channel: "log" }), rule.audit({})],
        escalation: [{ trigger: "condition", after: 1, within: "1h", action: { alert: { channel: "log" } } }],
      }),
    ],
  });
  expect(await plane.engine.decide(toolCall("send_mail"))).toMatchObject({
    effect: "allow",
    verdict: "escalate",
  });
  await plane.flush();
  expect(ports.logger.entries.length).toBeGreaterThan(0);
});

it("every_decision_audited_once", async () => {
  const bench = createBench({
    rules: [throwing],
    approvals: { resolver: "external" },
    policies: [
      blocking("p", [{ rule: "throwing" }], { selector: { tools: ["run_code"] } }),
      blocking("mail", [escalating], { selector: { tools: ["send_mail"] } }),
      blocking("trial", [rule.denylist({ tools: ["update"] })], { mode: "shadow" }),
    ],
  });
  await bench.plane.engine.decide(toolCall("search"));
  await bench.plane.engine.decide(toolCall("run_code"));
  const mail = toolCall("send_mail", {}, { callId: "mail" });
  await bench.plane.engine.decide(mail);
  await bench.plane.engine.decide(mail, { intent: "peek" });
  await bench.plane.engine.decide(toolCall("update"));
  await bench.plane.controls.degrade({ kind: "agent", id: "degraded" }, "FULL_BLOCK", { by: "olga" });
  await bench.plane.engine.decide(toolCall("search", {}, { agent: "degraded" }));
  await bench.plane.controls.unplug({ kind: "agent", id: "killed" }, { by: "olga", reason: "x" });
  await bench.plane.engine.decide(toolCall("search", {}, { agent: "killed" }));
  await bench.plane.guard.toolCall({ context: bench.plane.guard.context(toolCall("search")), run: () => 1 });
  expect(bench.decisions().map(({ decision }) => [decision.effect, decision.cause])).toStrictEqual([
    ["allow", "no_policy"],
    ["block", "rule"],
    ["ask", "approval"],
    ["allow", "no_policy"],
    ["block", "mode"],
    ["block", "unplugged"],
    ["allow", "no_policy"],
  ]);
  expect(new Set(bench.decisions().map(({ decision }) => decision.id)).size).toBe(7);
  const shadows = bench.decisions().map(({ decision }) => decision.shadow.map(({ answer }) => answer));
  expect(shadows.flat()).toStrictEqual(["block"]);
  expect(shadows[3]).toStrictEqual(["block"]);
});

it("audit_is_redacted_by_default", async () => {
  const bench = createBench({
    policies: [{ id: "log", nonBlocking: [rule.audit({ includeInput: true, includeResult: true })] }],
  });
  await bench.plane.guard.toolCall({
    context: bench.plane.guard.context(toolCall("search", { api_key: "sk-123", q: "x" })),
    run: () => ({ password: "hunter2" }),
  });
  const text = JSON.stringify(bench.records);
  expect(text).not.toContain("sk-123");
  expect(text).not.toContain("hunter2");
  expect(bench.decisions()[0]?.input).toMatchObject({ q: "x" });
});
