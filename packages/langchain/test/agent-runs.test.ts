/* oxlint-disable unicorn/no-thenable -- `then` is a word of the policy language: a text, never a function */
import { rule, type AgentPlane, type Policy } from "@agentplane/core";
import { createAgent, createMiddleware, tool, type AnyAgentMiddleware } from "langchain";
import { describe, expect, it } from "vitest";
import * as z from "zod";

import { govern } from "../src/index.ts";
import { countingTool, governedAgent, planeOf } from "./governed-agent.ts";
import { ScriptedChatModel } from "./scripted-chat-model.ts";

const input = { messages: [{ role: "user", content: "go" }] };
const before = { hookpoints: ["before_agent"] };
const after = { hookpoints: ["after_agent"] };

/** What was recorded of runs: each decision, and each end. */
function runsOf(plane: AgentPlane): string[] {
  const seen: string[] = [];
  plane.hooks.on("before_agent", () => void seen.push("begins"));
  plane.hooks.on("after_agent", ({ result }) => void seen.push(`ends ${JSON.stringify(result)}`));
  return seen;
}

const calling = (): ScriptedChatModel =>
  new ScriptedChatModel({ calls: [{ name: "read" }] }, { calls: [{ name: "read" }] }, { text: "done" });

describe("a run of a governed agent", () => {
  it("begins once and ends once, however many model calls it takes", async () => {
    const plane = planeOf();
    const seen = runsOf(plane);
    const { run } = governedAgent({ plane, model: calling(), tools: [countingTool("read").tool] });
    await run();
    expect(seen).toEqual(["begins", expect.stringContaining('"done"')]);
    await run();
    expect(seen).toHaveLength(4);
  });

  it("does not begin where it is blocked: the model is not asked, and the reason is the answer", async () => {
    const no = rule.condition({ where: { agent: "a" }, then: "block", reason: "a is retired" });
    const model = calling();
    const plane = planeOf([{ id: "retired", selector: before, blocking: [no] }]);
    const { last } = await governedAgent({ plane, model }).run();
    expect(model.prompts).toEqual([]);
    expect(last.text).toMatch(/a is retired/);
    expect(last.response_metadata).toMatchObject({ agentplane: { policyId: "retired" } });
  });

  it("counts against a limit once, whatever it calls", async () => {
    const policy: Policy = {
      id: "runs",
      selector: before,
      blocking: [rule.rate({ limit: 1, window: "1h", per: "agent" })],
    };
    const plane = planeOf([policy]);
    const model = new ScriptedChatModel({ calls: [{ name: "read" }] }, { text: "done" }, { text: "again" });
    const { run } = governedAgent({ plane, model, tools: [countingTool("read").tool] });
    expect((await run()).last.text).toBe("done");
    expect((await run()).last.text).not.toBe("again");
    expect(model.prompts).toHaveLength(2);
  });

  it("waits for a human where one must allow it, and goes on once", async () => {
    const ask = rule.condition({ where: { agent: "a" }, then: "escalate", reason: "a needs a person" });
    const plane = planeOf([{ id: "ask", selector: before, blocking: [ask] }], {
      approvals: { resolver: "external" },
    });
    const model = new ScriptedChatModel({ text: "hello" });
    const { run, resume } = governedAgent({ plane, model, hasCheckpointer: true });
    const [request] = (await run()).waiting;
    expect(model.prompts).toEqual([]);
    const { last } = await resume({ approvalId: request?.approvalId, decision: "approve", by: "mira" });
    expect(last.text).toBe("hello");
  });

  it("is asked what the user said, as rules left it, in every model call", async () => {
    const policy: Policy = {
      id: "r",
      selector: before,
      blocking: [rule.redact({ detect: ["email"], from: ["input"] })],
    };
    const model = new ScriptedChatModel({ calls: [{ name: "read" }] }, { text: "done" });
    const { run } = governedAgent({ plane: planeOf([policy]), model, tools: [countingTool("read").tool] });
    const { messages } = await run("I am bob@example.com");
    expect(model.prompts).toHaveLength(2);
    expect(JSON.stringify(model.prompts)).toContain("I am ");
    expect(JSON.stringify(model.prompts)).not.toContain("bob@example.com");
    expect(messages[0]?.text).toBe("I am bob@example.com");
  });

  it("gives words in place of an answer that after_agent withholds", async () => {
    const no = rule.condition({ where: { hookpoint: "after_agent" }, then: "block", reason: "not shown" });
    const plane = planeOf([{ id: "w", selector: after, blocking: [no] }]);
    const { last } = await governedAgent({ plane, model: new ScriptedChatModel({ text: "4711" }) }).run();
    expect(last.text).not.toContain("4711");
    expect(last.response_metadata).toMatchObject({ agentplane: { policyId: "w" } });
  });

  it("ends when a model or a tool fails", async () => {
    const plane = planeOf();
    const seen = runsOf(plane);
    const failing = new ScriptedChatModel({ error: new Error("down") });
    await expect(governedAgent({ plane, model: failing }).run()).rejects.toThrow("down");
    expect(seen).toEqual(["begins", expect.stringMatching(/^ends .*down/)]);
    const broken = countingTool("read", () => {
      throw new Error("broken");
    });
    const throwing = createMiddleware({
      name: "throwing",
      wrapToolCall: (request, handler) => handler(request),
    });
    await expect(
      governedAgent({
        plane,
        model: calling(),
        tools: [broken.tool],
        middleware: [throwing as AnyAgentMiddleware],
      }).run(),
    ).rejects.toThrow("broken");
    expect(seen.slice(2)).toEqual(["begins", expect.stringMatching(/^ends .*broken/)]);
  });

  it("ends when it pauses, and what goes on is another one", async () => {
    const ask = rule.condition({ where: { tool: "read" }, then: "escalate", reason: "read needs a person" });
    const plane = planeOf([{ id: "ask", selector: { tools: ["read"] }, blocking: [ask] }], {
      approvals: { resolver: "external" },
    });
    const seen = runsOf(plane);
    const { run, resume } = governedAgent({
      plane,
      model: new ScriptedChatModel({ calls: [{ name: "read" }] }, { text: "done" }),
      tools: [countingTool("read").tool],
      hasCheckpointer: true,
    });
    const [request] = (await run()).waiting;
    expect(seen).toEqual(["begins", "ends null"]);
    await resume({ approvalId: request?.approvalId, decision: "approve", by: "mira" });
    expect(seen.slice(2)).toEqual(["begins", expect.stringContaining('"done"')]);
  });

  it("ends when a middleware jumps to the end", async () => {
    const plane = planeOf();
    const seen = runsOf(plane);
    const jumping = createMiddleware({
      name: "jumping",
      afterModel: { canJumpTo: ["end"], hook: () => ({ jumpTo: "end" as const }) },
    });
    await governedAgent({
      plane,
      model: calling(),
      tools: [countingTool("read").tool],
      middleware: [jumping as AnyAgentMiddleware],
    }).run();
    expect(seen).toEqual(["begins", "ends null"]);
  });

  it("is told apart from another one that shares its control, and from one inside its tools", async () => {
    const plane = planeOf();
    const seen: string[] = [];
    plane.hooks.on("before_agent", ({ agent }) => void seen.push(agent.id));
    const inner = createAgent(
      govern(plane, { agent: "inner" }, { model: new ScriptedChatModel(), tools: [] }),
    );
    const delegate = tool(
      async () => {
        await inner.invoke(input);
        await inner.invoke(input);
        return "ok";
      },
      { name: "read", description: "Delegates.", schema: z.looseObject({}) },
    );
    const model = new ScriptedChatModel({ calls: [{ name: "read" }] }, { text: "done" });
    await governedAgent({ plane, model, tools: [delegate] }).run();
    expect(seen).toEqual(["a", "inner", "inner"]);
  });
});
