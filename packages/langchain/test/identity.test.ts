import { rule, type Policy } from "@agentplane/core";
import { createAsyncIdentity } from "@agentplane/core/node";
import { describe, expect, it } from "vitest";

import { identityOf } from "../src/call/identity.ts";
import { countingTool, governedAgent, planeOf } from "./governed-agent.ts";
import { ScriptedChatModel } from "./scripted-chat-model.ts";

const FROM_RUN = { agent: "a", fromRun: { tenant: "tenantId", user: "userId" } };

describe("identityOf", () => {
  it("reads named members of the run's context, then of its configurable", () => {
    const run = {
      context: { tenantId: "acme" },
      configurable: { tenantId: "other", userId: "mira", thread_id: "t", run_id: "r" },
    };
    expect(identityOf(FROM_RUN, run)).toEqual({
      agent: "a",
      framework: { tenant: "acme", user: "mira" },
      defaults: { session: "t", runId: "r" },
    });
  });

  it.each([undefined, null, "", 7, {}])("takes nothing from a member that is %j", (tenantId) => {
    expect(identityOf(FROM_RUN, { context: { tenantId } }).framework).toEqual({});
  });

  it("does not take an inherited member for one of the context", () => {
    const identity = { agent: "a", fromRun: { tenant: "toString" } };
    expect(identityOf(identity, { context: {} }).framework).toEqual({});
  });

  it("keeps what the application fixed apart from what the run says", () => {
    const fixed = { agent: "a", tenant: "acme", fromRun: { tenant: "tenantId" } };
    expect(identityOf(fixed, { context: { tenantId: "other" } })).toMatchObject({
      tenant: "acme",
      framework: { tenant: "other" },
    });
  });
});

describe("a run without a tenant", () => {
  const policy: Policy = { id: "t", blocking: [rule.requireTenant({})] };

  it("is blocked by requireTenant, and passes with one", async () => {
    const model = new ScriptedChatModel({ text: "hello" });
    const plane = planeOf([policy], { identity: { trust: ["framework"] } });
    const { run, decisions } = governedAgent({ plane, model, identity: FROM_RUN });
    await run();
    expect(model.prompts).toHaveLength(0);
    expect(decisions[0]).toMatchObject({ decision: { effect: "block", policyId: "t" } });
    expect(decisions[0]?.identity).not.toHaveProperty("tenant");
    expect((await run("again", { tenantId: "acme" })).last.text).toBe("hello");
  });

  it("gets none from a framework that the plane does not trust", async () => {
    const model = new ScriptedChatModel({ text: "hello" });
    const { run, decisions } = governedAgent({ plane: planeOf([policy]), model, identity: FROM_RUN });
    await run("go", { tenantId: "acme" });
    expect(model.prompts).toHaveLength(0);
    expect(decisions[0]).toMatchObject({ decision: { policyId: "t" } });
  });

  it("gets the one of the asynchronous identity around it, and the thread as its session", async () => {
    const identity = createAsyncIdentity();
    const plane = planeOf([policy], { identity: { current: identity.current, trust: ["async"] } });
    const model = new ScriptedChatModel({ text: "hello" });
    const { run, decisions } = governedAgent({ plane, model });
    const { last } = await identity.run({ tenant: "acme" }, () => run());
    expect(last.text).toBe("hello");
    expect(decisions[0]?.identity).toMatchObject({ tenant: "acme", session: "t1" });
  });
});

describe("a run that contradicts", () => {
  const blocked = { effect: "block", cause: "identity_conflict" };

  it("what the application fixed is a recorded denial, and its model is not asked", async () => {
    const model = new ScriptedChatModel({ text: "hello" });
    const identity = { agent: "a", tenant: "acme", fromRun: { tenant: "tenantId" } };
    const { run, decisions } = governedAgent({ plane: planeOf(), model, identity });
    const { last } = await run("go", { tenantId: "globex" });
    expect(model.prompts).toHaveLength(0);
    expect(last.text).toMatch(/unclear for whom/);
    expect(decisions).toMatchObject([{ decision: blocked, identity: { agent: "a", tenant: "acme" } }]);
    expect((await run("again", { tenantId: "acme" })).last.text).toBe("hello");
  });

  it("the asynchronous identity is one too, at a tool call as at a model call", async () => {
    let tenant = "acme";
    const wipe = countingTool("wipe");
    const plane = planeOf([], { identity: { current: () => ({ tenant }) } });
    plane.on("outcome", () => void (tenant = "globex"));
    const { run, decisions } = governedAgent({
      plane,
      model: new ScriptedChatModel({ calls: [{ name: "wipe" }] }, { text: "never asked" }),
      tools: [wipe.tool],
      identity: { agent: "a", tenant: "acme" },
    });
    const { toolMessages, last } = await run();
    expect(wipe.runs).toEqual([]);
    expect(toolMessages[0]).toMatchObject({ status: "error" });
    expect(last.text).not.toBe("never asked");
    expect(decisions.map(({ tool, decision }) => [tool, decision.effect, decision.cause])).toEqual([
      [undefined, "allow", "no_policy"],
      ["wipe", "block", "identity_conflict"],
      [undefined, "block", "identity_conflict"],
    ]);
  });
});
