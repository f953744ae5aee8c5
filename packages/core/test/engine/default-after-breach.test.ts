/* oxlint-disable unicorn/no-thenable -- `then` is a word of the policy language: a text, never a function */
import { describe, expect, it, test } from "vitest";

import { AgentplaneError } from "../../src/base/errors.ts";
import type { EscalationStep, Policy } from "../../src/policy/policy.ts";
import { rule } from "../../src/rules/rule-factory.ts";
import { createTestPorts } from "../../src/testing/create-test-ports.ts";
import { blocking, createBench, sharedState, toolCall, TOOLS, type BenchOptions } from "../plane/bench.ts";
import { laterState } from "../plane/later-state.ts";

const step = (action: EscalationStep["action"]): EscalationStep => ({
  trigger: "mail",
  after: 1,
  within: "10m",
  action,
});
const alert = step({ alert: { channel: "log" } });
const degrade = (mode: "READ_ONLY" | "NO_EXTERNAL" | "RATE_THROTTLE" | "HUMAN_LOOP"): EscalationStep =>
  step({ degrade: { mode, recover: { after: "1h" } } });
const escalate = rule.condition({ id: "mail", where: { tool: "search" }, then: "escalate", reason: "look" });
const allow = rule.condition({ id: "grant", where: { tool: "search" }, then: "allow" });
const policy = (change: Partial<Policy>): Policy => blocking("p", [escalate], change);
const strict = (policies: readonly Policy[], change: BenchOptions = {}): ReturnType<typeof createBench> =>
  createBench({ defaultEffect: "block", approvals: { resolver: "external" }, policies, ...change });
const DEFAULT = { effect: "block", verdict: "block", cause: "default" };

describe("an answer that lets the call go on grants nothing under defaultEffect: block", () => {
  const cases: readonly [string, readonly EscalationStep[]][] = [
    ["an alert", [alert]],
    ["a ladder below its first step", [{ ...alert, after: 9 }]],
    ["a mode that allows the call", [degrade("READ_ONLY")]],
    ["a mode that throttles it", [degrade("RATE_THROTTLE")]],
  ];
  describe.each([
    ["a store that answers at once", false],
    ["a store that answers later", true],
  ])("%s", (_, isLater) => {
    test.each(cases)("%s", async (__, escalation) => {
      const ports = createTestPorts();
      const state = isLater ? laterState(sharedState(ports)) : sharedState(ports);
      const { plane, controls } = strict([policy({ escalation })], { state, sharedPorts: ports });
      await plane.ready();
      for (const intent of ["peek", "ask", "admit"] as const) {
        // oxlint-disable-next-line no-await-in-loop -- one after the other
        const decision = await plane.engine.decide(toolCall("search"), { intent });
        expect(decision).toMatchObject({ ...DEFAULT, intent, policyId: undefined });
        expect(decision.findings).toMatchObject([{ ruleId: "mail", answer: "escalate" }]);
      }
      expect(await plane.engine.explain(toolCall("search"))).toMatchObject(DEFAULT);
      // The ladder has climbed all the same.
      expect(controls("ladder").length > 0).toBe(escalation[0]?.after === 1);
    });
  });

  it("nor does a rule that degrades", async () => {
    const loop = rule.loop({
      maxRepeats: 1,
      onBreach: "degrade",
      degrade: { mode: "READ_ONLY", recover: { after: "1h" } },
    });
    const first = createBench({ policies: [blocking("l", [loop])] });
    await first.plane.engine.decide(toolCall("search", { q: 1 }));
    first.plane.engine.replaceAll("code", {
      apiVersion: "agentplane/v1",
      defaultEffect: "block",
      tools: TOOLS,
      policies: [blocking("l", [loop])],
    });
    expect(await first.plane.engine.explain(toolCall("search", { q: 1 }))).toMatchObject(DEFAULT);
    expect(await first.plane.engine.decide(toolCall("search", { q: 1 }))).toMatchObject(DEFAULT);
  });
});

describe("what stays as it is", () => {
  it("a ladder that asks, a mode that asks, and no ladder at all", async () => {
    for (const escalation of [[step({ hitl: { timeout: "5m" } })], [degrade("HUMAN_LOOP")], undefined]) {
      const { plane } = strict([policy(escalation ? { escalation } : {})]);
      for (const intent of ["ask", "admit"] as const)
        // oxlint-disable-next-line no-await-in-loop -- one after the other
        expect(await plane.engine.decide(toolCall("search"), { intent })).toMatchObject({ effect: "ask" });
      // oxlint-disable-next-line no-await-in-loop -- as above
      expect(await plane.engine.decide(toolCall("search"), { intent: "peek" })).toMatchObject({
        effect: "ask",
      });
      // oxlint-disable-next-line no-await-in-loop -- as above
      expect((await plane.engine.explain(toolCall("search"))).effect).toBe("ask");
    }
  });

  it("a mode and a ladder that block keep their cause", async () => {
    const external = rule.condition({
      id: "mail",
      where: { tool: "fetch_page" },
      then: "escalate",
      reason: "x",
    });
    const mode = strict([blocking("p", [external], { escalation: [degrade("NO_EXTERNAL")] })]);
    expect(await mode.plane.engine.decide(toolCall("fetch_page"))).toMatchObject({ cause: "mode" });
    const block = strict([policy({ escalation: [step({ block: { reason: "no" } })] })]);
    expect(await block.plane.engine.decide(toolCall("search"))).toMatchObject({ cause: "ladder" });
  });

  it("a human's approval lets the call run", async () => {
    const { plane } = strict([policy({ escalation: [step({ hitl: { timeout: "5m" } })] })]);
    const call = toolCall("search", {}, { callId: "c1" });
    const { approvalId = "" } = await plane.engine.decide(call);
    await plane.approvals.approve(approvalId, { by: "olga", role: "operator" });
    expect(await plane.engine.decide(call)).toMatchObject({ effect: "allow" });
  });

  it("a call that a rule allows, whatever breach it is", async () => {
    for (const escalation of [[alert], [degrade("READ_ONLY")]]) {
      const { plane } = strict([blocking("p", [escalate, allow], { escalation })]);
      // oxlint-disable-next-line no-await-in-loop -- one after the other
      expect(await plane.engine.decide(toolCall("search"))).toMatchObject({ effect: "allow" });
    }
  });

  it("the default that allows", async () => {
    const { plane } = createBench({ policies: [policy({ escalation: [alert] })] });
    expect(await plane.engine.decide(toolCall("search"))).toMatchObject({
      effect: "allow",
      verdict: "escalate",
    });
  });

  it("a result that was shown", async () => {
    const { plane } = strict([
      policy({ escalation: [alert], selector: { hookpoints: ["after_tool_call"] } }),
    ]);
    const after = { ...toolCall("search"), hookpoint: "after_tool_call", result: "x" } as const;
    expect(await plane.engine.decide(after)).toMatchObject({ effect: "allow" });
  });
});

describe("combine: priority", () => {
  const first = policy({ escalation: [alert], priority: 9 });
  const second = (rules: Policy["blocking"]): Policy => blocking("q", rules ?? []);
  const decide = (policies: readonly Policy[]): unknown =>
    strict(policies, { combine: "priority" }).plane.engine.decide(toolCall("search"));

  it("asks the next policy for a grant, as without the breach", async () => {
    expect(await decide([first])).toMatchObject(DEFAULT);
    expect(await decide([first, second([allow])])).toMatchObject({ effect: "allow", policyId: "p" });
    const deny = rule.denylist({ tools: ["search"] });
    expect(await decide([first, second([allow, deny])])).toMatchObject(DEFAULT);
    expect(await decide([first, { ...second([allow]), mode: "shadow" }])).toMatchObject(DEFAULT);
  });
});

it("what a limit has held is given back", async () => {
  const rate = rule.rate({ limit: 5, window: "1h" });
  const { plane } = strict([blocking("p", [escalate, rate], { escalation: [alert] })]);
  await plane.engine.decide(toolCall("search"));
  const [state] = await plane.limits.read({ policyId: "p", ruleId: "rate", agent: "bot", tenant: "acme" });
  expect(state).toMatchObject({ used: 0, held: 0 });
});

it("a store that fails while a ladder climbs grants nothing either, where onStateError passes it over", async () => {
  const ports = createTestPorts();
  const state = sharedState(ports);
  const fail = (): never => {
    throw new AgentplaneError("state_failed", "down");
  };
  const loop = rule.loop({
    maxRepeats: 1,
    onBreach: "degrade",
    degrade: { mode: "READ_ONLY", recover: { after: "1h" } },
  });
  const { plane } = createBench({
    policies: [blocking("l", [loop], { escalation: [{ ...alert, trigger: "loop" }] })],
    state: { ...state, ladders: { ...state.ladders, update: fail } },
    sharedPorts: ports,
    onStateError: "allow",
  });
  await plane.engine.decide(toolCall("search"));
  expect(await plane.engine.decide(toolCall("search"))).toMatchObject({
    effect: "allow",
    verdict: "degrade",
  });
  const [{ policy: known } = { policy: undefined }] = plane.engine.policies();
  if (known === undefined) throw new Error("no policy");
  plane.engine.replaceAll("code", {
    apiVersion: "agentplane/v1",
    defaultEffect: "block",
    tools: TOOLS,
    policies: [known],
  });
  expect(await plane.engine.decide(toolCall("search"))).toMatchObject(DEFAULT);
});
