import { rule, type Policy } from "@agentplane/core";
import { describe, expect, it } from "vitest";

import { identityOf } from "../src/identity.ts";
import { governedAgent, planeOf } from "./governed-agent.ts";
import { ScriptedChatModel } from "./scripted-chat-model.ts";

describe("identityOf", () => {
  const identity = { agent: "a", fromRun: { tenant: "tenantId", user: "userId" } };

  it("reads named members of the run's context, then of its configurable", () => {
    const run = {
      context: { tenantId: "acme" },
      configurable: { tenantId: "other", userId: "mira", thread_id: "t" },
    };
    expect(identityOf(identity, run)).toEqual({
      agent: { id: "a" },
      tenant: "acme",
      user: "mira",
      session: "t",
    });
  });

  it.each([undefined, null, "", 7, {}])("leaves a dimension absent when its member is %j", (tenantId) => {
    expect(identityOf(identity, { context: { tenantId } })).toEqual({ agent: { id: "a" } });
  });

  it("does not take an inherited member for one of the context", () => {
    expect(identityOf({ agent: "a", fromRun: { tenant: "toString" } }, { context: {} })).toEqual({
      agent: { id: "a" },
    });
  });

  it("refuses a run that contradicts what the application fixed", () => {
    const fixed = { agent: "a", tenant: "acme", fromRun: { tenant: "tenantId" } };
    expect(() => identityOf(fixed, { context: { tenantId: "other" } })).toThrow(/another tenant/);
    expect(identityOf(fixed, { context: { tenantId: "acme" } }).tenant).toBe("acme");
  });
});

describe("a run without a tenant", () => {
  it("is blocked by requireTenant, and passes with one", async () => {
    const policy: Policy = { id: "t", blocking: [rule.requireTenant({})] };
    const identity = { agent: "a", fromRun: { tenant: "tenantId" } };
    const model = new ScriptedChatModel({ text: "hello" });
    const { run, decisions } = governedAgent({ plane: planeOf([policy]), model, identity });
    await run();
    expect(model.prompts).toHaveLength(0);
    expect(decisions[0]).toMatchObject({ decision: { effect: "block", policyId: "t" } });
    expect(decisions[0]?.identity).not.toHaveProperty("tenant");
    expect((await run("again", { tenantId: "acme" })).last.text).toBe("hello");
  });
});
