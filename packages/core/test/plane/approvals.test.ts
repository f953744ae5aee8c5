/* oxlint-disable unicorn/no-thenable -- `then` is a word of the policy language: a text, never a function */
import { describe, expect, it } from "vitest";

import type { Decision } from "../../src/decision/decision.ts";
import type { JsonValue } from "../../src/base/json.ts";
import type { ContextInit } from "../../src/context/create-context.ts";
import { rule } from "../../src/rules/rule-factory.ts";
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

const askingAlways = rule.condition({ where: { agent: "*" }, then: "escalate" });

function aimed(hookpoint: string, name: string, server?: string): CallChange {
  return { hookpoint, target: { name, server } };
}

function modelled(model: { readonly name: string; readonly provider?: string }): CallChange {
  return { hookpoint: "before_model_call", model };
}

function calling(method: string, url: string): Partial<ContextInit> {
  return { tool: "browse", api: { method, url } };
}

async function approved(bench: Bench): Promise<Decision> {
  const pending = await mail(bench);
  await bench.plane.approvals.approve(pending.approvalId ?? "", OLGA);
  return pending;
}

describe("an approval", () => {
  it("is not touched by early questions: a process that dies in one takes nothing along", async () => {
    const bench = benchOf();
    await approved(bench);
    const early = toolCall("send_mail", INPUT, { callId: "c1" });
    expect(await bench.plane.guard.ask(early)).toMatchObject({ effect: "allow" });
    expect(await bench.plane.engine.explain(early)).toMatchObject({ intent: "ask" });
    expect(bench.controls("approval_consumed")).toStrictEqual([]);
    expect(await mail(bench)).toMatchObject({ effect: "allow" });
  });

  it("lets exactly its call go on, once", async () => {
    const bench = benchOf();
    const pending = await approved(bench);
    const allowed = await mail(bench);
    expect(allowed).toMatchObject({ effect: "allow", verdict: "escalate", approvalId: pending.approvalId });
    await bench.plane.engine.finish(allowed.id, { status: "released" });
    expect(await bench.plane.approvals.get(pending.approvalId ?? "")).toMatchObject({ status: "consumed" });
    expect(await mail(bench)).toMatchObject({ effect: "ask" });
    const early = bench.plane.guard.context(toolCall("send_mail", INPUT));
    expect(await bench.plane.guard.ask(early)).toMatchObject({ effect: "ask" });
    expect(bench.controls("approval_consumed")).toHaveLength(1);
  });

  it.each([
    ["another input", { to: "evil@y.z" }, {}],
    ["another agent", INPUT, { agent: "bot-2" }],
    ["another tenant", INPUT, { tenant: "beta" }],
    ["another session", INPUT, { session: "s2" }],
    ["another user", INPUT, { user: "bob" }],
  ] as const)("does not fit %s", async (_what, input, change) => {
    const bench = benchOf();
    await approved(bench);
    expect(await mail(bench, input, change)).toMatchObject({ effect: "ask" });
    expect(await mail(bench)).toMatchObject({ effect: "allow" });
  });

  it("does not fit the tool of another server, or with another pin", async () => {
    const bench = benchOf();
    const call = (tool: object): unknown =>
      bench.plane.engine.decide({
        ...toolCall("send_mail", INPUT),
        tool: { name: "send_mail", input: INPUT, ...tool },
      });
    const pending = (await call({ pin: "v1" })) as Decision;
    await bench.plane.approvals.approve(pending.approvalId ?? "", OLGA);
    expect(await call({ pin: "v2" })).toMatchObject({ effect: "ask" });
    expect(await call({ pin: "v1", server: "srv" })).toMatchObject({ effect: "ask" });
    expect(await call({ pin: "v1" })).toMatchObject({ effect: "allow" });
  });

  it.each<[string, Partial<ContextInit>, Partial<ContextInit>]>([
    ["resource", aimed("before_resource_read", "file:///a"), aimed("before_resource_read", "file:///b")],
    [
      "resource of another server",
      aimed("before_resource_read", "a"),
      aimed("before_resource_read", "a", "srv"),
    ],
    ["handoff", aimed("before_handoff", "billing"), aimed("before_handoff", "root")],
    ["prompt", aimed("before_prompt_get", "mild"), aimed("before_prompt_get", "wild")],
    ["model", modelled({ name: "small" }), modelled({ name: "large" })],
    [
      "provider's model",
      modelled({ name: "m", provider: "here" }),
      modelled({ name: "m", provider: "there" }),
    ],
    ["HTTP call", calling("GET", "https://a.example/"), calling("DELETE", "https://a.example/")],
  ])("does not fit another %s", async (_what, asked, other) => {
    const bench = benchOf({ policies: [blocking("ask", [askingAlways])] });
    const decide = async (change: Partial<ContextInit>): Promise<Decision> =>
      bench.plane.engine.decide({ hookpoint: "before_tool_call", agent: "bot", session: "s1", ...change });
    const pending = await decide(asked);
    await bench.plane.approvals.approve(pending.approvalId ?? "", OLGA);
    expect(await decide(other)).toMatchObject({ effect: "ask" });
    expect(await decide(asked)).toMatchObject({ effect: "allow", approvalId: pending.approvalId });
  });

  it("tells the approver which resource or model it is about", async () => {
    const bench = benchOf({ policies: [blocking("ask", [askingAlways])] });
    const viewOf = async (change: CallChange): Promise<unknown> => {
      const { approvalId } = await bench.plane.engine.decide({ agent: "bot", hookpoint: "", ...change });
      return (await bench.plane.approvals.get(approvalId ?? ""))?.view;
    };
    expect(await viewOf(aimed("before_resource_read", "file:///a"))).toMatchObject({ target: "file:///a" });
    expect(await viewOf(modelled({ name: "large" }))).toMatchObject({ model: "large" });
  });

  it("is void once the policy that asked has changed", async () => {
    const bench = benchOf();
    await approved(bench);
    bench.plane.engine.addPolicy(blocking("ask", [asking], { description: "edited" }));
    expect(await mail(bench)).toMatchObject({ effect: "ask" });
  });

  it("stays good when a policy that did not ask changes", async () => {
    const bench = benchOf();
    await approved(bench);
    bench.plane.engine.addPolicy(blocking("other", [rule.denylist({ tools: ["run_code"] })]));
    expect(await mail(bench)).toMatchObject({ effect: "allow" });
  });

  it("waives its asks alone: a stricter policy that came meanwhile wins, and a new ask is a new request", async () => {
    const bench = benchOf();
    const pending = await approved(bench);
    bench.plane.engine.addPolicy(blocking("second", [{ ...asking, id: "more" }]));
    const again = await mail(bench);
    expect(again).toMatchObject({ effect: "ask" });
    expect(again.approvalId).not.toBe(pending.approvalId);
    bench.plane.engine.addPolicy(blocking("second", [rule.denylist({ tools: ["send_mail"] })]));
    expect(await mail(bench)).toMatchObject({ effect: "block", policyId: "second" });
    expect(await bench.plane.approvals.get(pending.approvalId ?? "")).toMatchObject({ status: "approved" });
  });

  it("does not outlive a kill between approval and execution, and is still there after it", async () => {
    const bench = benchOf();
    const pending = await approved(bench);
    await bench.plane.controls.unplug({ kind: "agent", id: "bot" }, { by: "olga", reason: "stop" });
    expect(await mail(bench)).toMatchObject({ effect: "block", cause: "unplugged" });
    expect(await bench.plane.approvals.get(pending.approvalId ?? "")).toMatchObject({ status: "approved" });
    await bench.plane.controls.plug({ kind: "agent", id: "bot" }, { by: "olga" });
    expect(await mail(bench)).toMatchObject({ effect: "allow" });
  });

  it("that a hard limit stands against stays usable", async () => {
    const bench = benchOf({
      policies: [blocking("ask", [asking]), blocking("cap", [rule.rate({ limit: 1, window: "1m" })])],
    });
    const pending = await approved(bench);
    await bench.plane.engine.decide(toolCall("search"));
    expect(await mail(bench)).toMatchObject({ effect: "block", cause: "limit" });
    expect(await bench.plane.approvals.get(pending.approvalId ?? "")).toMatchObject({ status: "approved" });
    bench.ports.clock.advance(60_000);
    expect(await mail(bench)).toMatchObject({ effect: "allow" });
  });

  it("is one request per call key, however often it is asked for", async () => {
    const bench = benchOf();
    const context = bench.plane.guard.context(toolCall("send_mail", INPUT, { callId: "c1" }));
    const first = await bench.plane.guard.ask(context);
    const second = await bench.plane.guard.ask(context);
    const third = await mail(bench);
    const all = [first, second, third];
    expect(all.map(({ effect }) => effect)).toStrictEqual(["ask", "ask", "ask"]);
    expect(new Set(all.map(({ approvalId }) => approvalId)).size).toBe(1);
    expect(bench.controls("approval_requested")).toHaveLength(1);
  });

  it("is not used up by an early question", async () => {
    const bench = benchOf();
    await approved(bench);
    const context = bench.plane.guard.context(toolCall("send_mail", INPUT, { callId: "c1" }));
    expect(await bench.plane.guard.ask(context)).toMatchObject({ effect: "allow" });
    expect(await bench.plane.guard.admit(context)).toMatchObject({ status: "admitted" });
  });

  it("of two calls that find it at once lets one go on", async () => {
    const ports = createTestPorts();
    const bench = benchOf({ state: laterState(sharedState(ports)), sharedPorts: ports });
    await bench.plane.ready();
    // Without an id, equal calls are still two calls.
    const ask = async (): Promise<Decision> => bench.plane.engine.decide(toolCall("send_mail", INPUT));
    const pending = await ask();
    await bench.plane.approvals.approve(pending.approvalId ?? "", OLGA);
    const effects = (await Promise.all([ask(), ask(), ask()])).map(({ effect }) => effect);
    expect(effects.filter((effect) => effect === "allow")).toHaveLength(1);
  });

  it("that was denied blocks its call, and says that a person did", async () => {
    const bench = benchOf();
    const pending = await mail(bench);
    await bench.plane.approvals.deny(pending.approvalId ?? "", { ...OLGA, reason: "not today" });
    const denied = await mail(bench);
    expect(denied).toMatchObject({ effect: "block", cause: "approval", policyId: "ask" });
    expect(denied.reason).toContain("not today");
  });

  it("that nobody answers in time blocks: silence is no consent", async () => {
    const bench = benchOf();
    const pending = await mail(bench);
    bench.ports.clock.advance(5 * 60_000);
    expect(await mail(bench)).toMatchObject({ effect: "block", cause: "approval" });
    expect(await bench.plane.approvals.get(pending.approvalId ?? "")).toMatchObject({ status: "expired" });
  });

  it("of an edited input is decided like any call: the edit runs, the old input asks anew", async () => {
    const bench = benchOf({
      policies: [
        blocking("ask", [asking]),
        blocking("cap", [rule.condition({ where: { input: { to: "evil@y.z" } } })]),
      ],
    });
    const pending = await mail(bench);
    await bench.plane.approvals.edit(pending.approvalId ?? "", { ...OLGA, input: { to: "b@y.z" } });
    expect(await mail(bench)).toMatchObject({ effect: "ask" });
    expect(await mail(bench, { to: "b@y.z" })).toMatchObject({ effect: "allow" });
    const other = await mail(bench, { to: "c@y.z" });
    await bench.plane.approvals.edit(other.approvalId ?? "", { ...OLGA, input: { to: "evil@y.z" } });
    expect(await mail(bench, { to: "evil@y.z" })).toMatchObject({ effect: "block", policyId: "cap" });
  });

  it("is bound to the input as it will be executed, after rewriting", async () => {
    const bench = benchOf({
      policies: [
        blocking("ask", [asking]),
        blocking("r", [rule.redact({ fields: ["token"], from: ["input"] })]),
      ],
    });
    const pending = await mail(bench, { to: "a", token: "1" });
    await bench.plane.approvals.approve(pending.approvalId ?? "", OLGA);
    // Both inputs are executed as the same one.
    expect(await mail(bench, { to: "a", token: "2" })).toMatchObject({ effect: "allow" });
  });

  it("shows the approver a redacted view and keeps no raw input", async () => {
    const bench = benchOf();
    const pending = await mail(bench, { to: "a", password: "hunter2" });
    const request = await bench.plane.approvals.get(pending.approvalId ?? "");
    expect(request?.view).toMatchObject({ tool: "send_mail", reasons: ["mail leaves the house"] });
    expect(JSON.stringify(request)).not.toContain("hunter2");
  });

  it("cannot be given by the user on whose behalf the agent acts", async () => {
    const bench = benchOf();
    const pending = await mail(bench, INPUT, { user: "ann" });
    const self = { by: "ann", role: "operator" } as const;
    expect(() => bench.plane.approvals.approve(pending.approvalId ?? "", self)).toThrow("requested it");
  });
});
