/* oxlint-disable unicorn/no-thenable -- `then` is a word of the policy language: a text, never a function */
import path from "node:path";

import { expect, it } from "vitest";

import { sqliteState } from "../../src/node/sqlite-state.ts";
import type { Policy } from "../../src/policy/policy.ts";
import { rule } from "../../src/rules/rule-factory.ts";
import { createTestPorts } from "../../src/testing/create-test-ports.ts";
import { temporaryDirectory } from "../node/temporary-directory.ts";
import { blocking, createBench, modelCall, sharedState, toolCall } from "../plane/bench.ts";
import { laterState } from "../plane/later-state.ts";
import { decidedOn } from "./store-with-engine.ts";

const OLGA = { by: "olga", role: "operator" } as const;
const escalating = rule.condition({ id: "mail", where: { tool: "send_mail" }, then: "escalate" });

function twoPerMinute(id: string): Policy {
  return blocking(id, [rule.rate({ limit: 2, window: "1m" })]);
}

it("rate_is_per_agent_and_per_policy", async () => {
  const { plane } = createBench({ policies: [twoPerMinute("p")] });
  const effects: string[] = [];
  for (const agent of ["A", "A", "B", "B", "A", "B"]) {
    // oxlint-disable-next-line no-await-in-loop -- one call after the other
    effects.push((await plane.engine.decide(toolCall("search", {}, { agent }))).effect);
  }
  expect(effects).toStrictEqual(["allow", "allow", "allow", "allow", "block", "block"]);
  plane.engine.removePolicy("p");
  plane.engine.addPolicy(twoPerMinute("q"));
  expect(await plane.engine.decide(toolCall("search", {}, { agent: "A" }))).toMatchObject({
    effect: "allow",
  });
});

it("escalation_is_per_agent_and_tenant", async () => {
  const { plane } = createBench({
    policies: [
      blocking("p", [escalating], {
        escalation: [{ trigger: "mail", after: 2, within: "1h", action: { block: {} } }],
      }),
    ],
  });
  await plane.engine.decide(toolCall("send_mail", {}, { agent: "A" }));
  expect(await plane.engine.decide(toolCall("send_mail", {}, { agent: "B" }))).toMatchObject({
    effect: "allow",
  });
  expect(await plane.engine.decide(toolCall("send_mail", {}, { agent: "A", tenant: "beta" }))).toMatchObject({
    effect: "allow",
  });
  expect(await plane.engine.decide(toolCall("send_mail", {}, { agent: "A" }))).toMatchObject({
    effect: "block",
    cause: "ladder",
  });
});

it("escalation_degrade_sets_mode_and_recovers", async () => {
  const { plane, ports } = createBench({
    policies: [
      blocking("p", [escalating], {
        escalation: [
          {
            trigger: "mail",
            after: 1,
            within: "1h",
            action: { degrade: { mode: "READ_ONLY", recover: { after: "30m" } } },
          },
        ],
      }),
    ],
  });
  expect(await plane.engine.decide(toolCall("send_mail"))).toMatchObject({ effect: "block", cause: "mode" });
  expect(await plane.engine.decide(toolCall("update"))).toMatchObject({
    effect: "block",
    modes: ["READ_ONLY"],
  });
  ports.clock.advance(30 * 60_000);
  expect(await plane.engine.decide(toolCall("update"))).toMatchObject({ effect: "allow", modes: [] });
});

it("hitl_can_be_approved", async () => {
  const { plane } = createBench({
    approvals: { resolver: "external" },
    policies: [blocking("p", [escalating])],
  });
  const pending = await plane.engine.decide(toolCall("send_mail"));
  await plane.approvals.approve(pending.approvalId ?? "", OLGA);
  expect(await plane.engine.decide(toolCall("send_mail"))).toMatchObject({ effect: "allow" });
});

it("cancelled_wait_is_not_approval", async () => {
  const { plane } = createBench({
    approvals: { resolver: "external" },
    policies: [blocking("p", [escalating])],
  });
  const call = toolCall("send_mail", {}, { callId: "c1" });
  const pending = await plane.engine.decide(call);
  const cancel = new AbortController();
  const waiting = plane.approvals.wait(pending.approvalId ?? "", cancel.signal);
  cancel.abort();
  await expect(waiting).rejects.toMatchObject({ code: "approval_pending" });
  expect(await plane.engine.decide(call)).toMatchObject({ effect: "ask", approvalId: pending.approvalId });
  expect(await plane.approvals.get(pending.approvalId ?? "")).toMatchObject({ status: "pending" });
});

it("over_budget_usage_is_recorded", async () => {
  const prices = {
    costMicroUsd: (_model: unknown, usage: { costMicroUsd?: number }) => usage.costMicroUsd ?? 10_000,
  };
  const { plane } = createBench({
    prices,
    policies: [blocking("p", [rule.costBudget({ maxUsd: 1, window: "1h", maxOutput: 10 })])],
  });
  const context = plane.guard.context(modelCall());
  await plane.guard.modelCall({ context, run: () => "x", usage: () => ({ costMicroUsd: 5_000_000 }) });
  const [state] = await plane.limits.read({
    policyId: "p",
    ruleId: "costBudget",
    agent: "bot",
    tenant: "acme",
  });
  expect(state?.used).toBe(5_000_000);
  // The next call is small, and still over.
  expect(await plane.engine.decide(modelCall())).toMatchObject({ effect: "block", cause: "limit" });
});

it("alert_on_breach_fires_on_breach_only", async () => {
  const { plane, ports } = createBench({
    policies: [
      { id: "watch", nonBlocking: [rule.alert({ on: ["breach"], channel: "log" })] },
      blocking("p", [rule.denylist({ tools: ["update"] })]),
    ],
  });
  await plane.engine.decide(toolCall("search"));
  await plane.flush();
  expect(ports.logger.entries).toHaveLength(0);
  await plane.engine.decide(toolCall("update"));
  await plane.flush();
  expect(ports.logger.entries).toHaveLength(1);
});

it("one_counter_per_metric", async () => {
  const made: string[] = [];
  let decisions = 0;
  const make = ({ name }: { readonly name: string }) => {
    made.push(name);
    return { record: () => void (name === "agentplane.decisions" && decisions++) };
  };
  const { plane } = createBench({
    metrics: { counter: make, histogram: make },
    policies: [1, 2].map((at) => ({ id: `m${at}`, nonBlocking: [rule.metrics()] })),
  });
  await plane.engine.decide(toolCall("search"));
  await plane.engine.decide(toolCall("search"));
  await plane.flush();
  expect(new Set(made).size).toBe(made.length);
  expect(decisions).toBe(2);
});

function oncePer(window: string): Policy {
  return blocking("p", [rule.rate({ limit: 1, window })]);
}

it("rollback_resets_counters", async () => {
  // The defect: a rollback set the counters to nothing, and so was a way around every limit.
  const { plane, ports } = createBench();
  const note = { author: "olga", changelog: "why" };
  const load = ({ policy }: { readonly policy: Policy }): void => {
    plane.engine.removePolicy("p");
    plane.engine.addPolicy(policy);
  };
  const decided = async () => plane.engine.decide(toolCall("search"));
  const first = await plane.versions.publish(oncePer("1h"), note);
  load(first);
  await decided();
  expect(await decided()).toMatchObject({ effect: "block" });
  load(await plane.versions.publish(oncePer("2h"), note));
  // Another window counts anew: what was used in the first one says nothing of it.
  expect(await decided()).toMatchObject({ effect: "allow" });
  ports.clock.advance(1_800_000);
  const back = await plane.versions.rollback("p", first.version, note);
  // A version is data: no live counter travels with it, and what it says is exactly what was published.
  expect(back.policy).toStrictEqual(first.policy);
  expect(JSON.parse(JSON.stringify(back.policy))).toEqual(back.policy);
  load(back);
  // The window that is back goes on with what is still in it.
  expect(await decided()).toMatchObject({ effect: "block", policyVersion: back.contentHash });
  ports.clock.advance(1_800_001);
  expect(await decided()).toMatchObject({ effect: "allow" });
});

it("promote_saves", async () => {
  // The defect: what was promoted was handed out and kept nowhere.
  const bench = createBench();
  const { plane } = bench;
  const note = { author: "olga", changelog: "why" };
  const published = await plane.versions.publish(blocking("p", [rule.denylist({ tools: ["a"] })]), note);
  await plane.versions.publish(blocking("p", [rule.denylist({ tools: ["b"] })]), note);
  const promoted = await plane.versions.promote("p", published.version, "production", note);
  expect(promoted).toStrictEqual(published);
  expect(await plane.versions.get("p", "production")).toStrictEqual(published);
  await plane.flush();
  expect(bench.controls("policy_promoted")).toMatchObject([
    { by: "olga", subject: "p", reason: "why", data: { version: 1, to: "production" } },
  ]);
});

it("diff_sees_parameter_changes", async () => {
  const { plane } = createBench();
  const note = { author: "olga", changelog: "why" };
  await plane.versions.publish(blocking("p", [rule.rate({ limit: 1, window: "1h" })]), note);
  await plane.versions.publish(blocking("p", [rule.rate({ limit: 2, window: "1h" })]), note);
  const values = [{ change: "changed", path: "$.limit", at: ["limit"], before: 1, after: 2 }];
  expect(await plane.versions.diff("p", 1, 2)).toEqual({
    values: [],
    order: [],
    rules: [{ change: "changed", list: "blocking", ruleId: "rate", values }],
  });
});

it("sqlite_store_works_with_engine", async () => {
  // The defect: a store that answers later was called as one that answers at once.
  const ports = createTestPorts();
  const file = (): string => path.join(temporaryDirectory(), "state.db");
  expect(await decidedOn(sqliteState({ path: file() }), createTestPorts())).toBe(6);
  expect(await decidedOn(sqliteState({ path: file(), writes: "grouped" }), createTestPorts())).toBe(6);
  expect(await decidedOn(laterState(sharedState(ports)), ports)).toBe(6);
});
