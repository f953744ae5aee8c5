import { rule, type AgentPlane, type Policy } from "@agentplane/core";
import { AIMessage } from "@langchain/core/messages";
import { createAgent, type AnyAgentMiddleware, modelRetryMiddleware, toolStrategy } from "langchain";
import { describe, expect, it } from "vitest";
import * as z from "zod";

import { govern } from "../src/index.ts";
import { countingTool, governedAgent, planeOf } from "./governed-agent.ts";
import { ScriptedChatModel } from "./scripted-chat-model.ts";

describe("a blocked model call", () => {
  it("ends the run with words instead of an answer, and the provider is not asked", async () => {
    const policy: Policy = {
      id: "no",
      blocking: [rule.condition({ where: { model: "*" }, reason: "no model here" })],
    };
    const model = new ScriptedChatModel({ text: "hello" });
    const { run } = governedAgent({ plane: planeOf([policy]), model });
    const { last } = await run();
    expect(model.prompts).toHaveLength(0);
    expect(last).toBeInstanceOf(AIMessage);
    expect(last.text).toMatch(/no model here/);
    expect(last.response_metadata).toMatchObject({ agentplane: { effect: "block", policyId: "no" } });
  });

  it("is what follows a kill from inside a tool call", async () => {
    const plane = planeOf();
    const kill = countingTool("kill", () =>
      plane.controls.unplug({ kind: "agent", id: "a" }, { reason: "enough", by: "mira" }),
    );
    const model = new ScriptedChatModel({ calls: [{ name: "kill" }] }, { text: "never said" });
    const { run } = governedAgent({ plane, model, tools: [kill.tool] });
    const { last, toolMessages } = await run();
    expect(model.prompts).toHaveLength(1);
    expect(toolMessages[0]?.status).toBe("error");
    expect(last.text).not.toContain("never said");
  });
});

async function used(plane: AgentPlane): Promise<unknown> {
  const [state] = await plane.limits.read({ policyId: "b", ruleId: "tokens", agent: "a" });
  return state;
}

describe("the budget of model calls", () => {
  const budget: Policy = {
    id: "b",
    blocking: [rule.tokenBudget({ id: "tokens", maxTokens: 1_000, window: "1h", maxOutput: 100 })],
  };

  it("is settled with what the provider reports", async () => {
    const plane = planeOf([budget]);
    await governedAgent({ plane, model: new ScriptedChatModel({ text: "hi" }) }).run();
    expect(await used(plane)).toMatchObject({ used: 42, held: 0 });
  });

  it("is settled with the usage of a stream", async () => {
    const plane = planeOf([budget]);
    const { agent } = governedAgent({ plane, model: new ScriptedChatModel({ text: "hi there" }) });
    const chunks = [];
    for await (const chunk of await agent.stream(
      { messages: [{ role: "user", content: "go" }] },
      { streamMode: "messages" },
    ))
      chunks.push(chunk);
    expect(chunks.length).toBeGreaterThan(1);
    expect(await used(plane)).toMatchObject({ used: 42, held: 0 });
  });

  it("is charged for the one attempt that answers when another middleware tries again", async () => {
    const plane = planeOf([budget]);
    const model = new ScriptedChatModel({ error: new Error("overloaded") }, { text: "hi" });
    // LangChain types its own middleware so that exactOptionalPropertyTypes refuses it.
    const retry = modelRetryMiddleware({
      maxRetries: 2,
      initialDelayMs: 0,
      jitter: false,
    }) as AnyAgentMiddleware;
    const middleware = [retry];
    const { run, decisions } = governedAgent({ plane, model, middleware });
    expect((await run()).last.text).toBe("hi");
    expect(decisions).toHaveLength(2);
    expect(await used(plane)).toMatchObject({ used: 42, held: 0 });
  });

  it("is given back when the provider fails", async () => {
    const plane = planeOf([budget]);
    const { run } = governedAgent({ plane, model: new ScriptedChatModel({ error: new Error("down") }) });
    await expect(run()).rejects.toThrow("down");
    expect(await used(plane)).toMatchObject({ used: 0, held: 0 });
  });
});

describe("redaction around a model", () => {
  const response: Policy = { id: "r", blocking: [rule.redact({ detect: ["email"], from: ["response"] })] };

  it("changes the answer and keeps its id, usage and metadata", async () => {
    const model = new ScriptedChatModel({ text: "mail bob@example.com now" });
    const { run } = governedAgent({ plane: planeOf([response]), model });
    const { last } = await run();
    expect(last.text).toMatch(/^mail .+ now$/);
    expect(last.text).not.toContain("bob@example.com");
    expect(last).toMatchObject({ id: "msg_1", usage_metadata: { total_tokens: 42 } });
    expect(last.response_metadata).toMatchObject({ finish_reason: "stop" });
  });

  it("changes blocks of content and arguments of tool calls", async () => {
    const save = countingTool("save");
    const model = new ScriptedChatModel({
      text: [{ type: "text", text: "mail bob@example.com" }],
      calls: [{ name: "save", args: { to: "bob@example.com" } }],
    });
    const { run } = governedAgent({ plane: planeOf([response]), model, tools: [save.tool] });
    const { messages } = await run();
    expect(messages[1]).toMatchObject({ content: [{ type: "text", text: "mail [EMAIL]" }] });
    expect(JSON.stringify(messages)).not.toContain("bob@example.com");
    expect(save.runs).toEqual([{ to: "[EMAIL]" }]);
  });

  it("keeps the raw tokens out of the messages stream and of the state", async () => {
    const model = new ScriptedChatModel({ text: "mail bob@example.com now" });
    const { agent } = governedAgent({ plane: planeOf([response]), model });
    const shown: unknown[] = [];
    const input = { messages: [{ role: "user", content: "go" }] };
    for await (const part of await agent.stream(input, { streamMode: ["messages", "values"] }))
      shown.push(part);
    expect(JSON.stringify(shown)).not.toContain("bob@example.com");
    expect(JSON.stringify(shown)).toContain("now");
  });

  it.each([
    ["a detector", rule.redact({ detect: ["email"], from: ["response"] })],
    ["a field", rule.redact({ fields: ["contact"], from: ["response"] })],
  ])("reaches structured output, and every message that repeats it, by %s", async (_by, redaction) => {
    const strategy = toolStrategy(z.object({ contact: z.string() }));
    const model = new ScriptedChatModel({
      calls: [{ name: strategy[0]?.name ?? "", args: { contact: "bob@example.com" } }],
    });
    const plane = planeOf([{ id: "r", blocking: [redaction] }]);
    const agent = createAgent(govern(plane, { agent: "a" }, { model, tools: [], responseFormat: strategy }));
    const result = await agent.invoke({ messages: [{ role: "user", content: "go" }] });
    expect(JSON.stringify(result)).not.toContain("bob@example.com");
    expect(result.structuredResponse).toHaveProperty("contact");
  });

  it("reaches the sentence that repeats structured output which a hook of the plane has changed", async () => {
    const strategy = toolStrategy(z.object({ contact: z.string() }));
    const model = new ScriptedChatModel({
      calls: [{ name: strategy[0]?.name ?? "", args: { contact: "bob at home" } }],
    });
    const plane = planeOf();
    plane.hooks.on("after_model_call", ({ result }) =>
      typeof result === "object" && result !== null && "structuredResponse" in result
        ? { result: { ...result, structuredResponse: { contact: "nobody" } } }
        : undefined,
    );
    const agent = createAgent(govern(plane, { agent: "a" }, { model, tools: [], responseFormat: strategy }));
    const { messages, structuredResponse } = await agent.invoke({
      messages: [{ role: "user", content: "go" }],
    });
    expect(structuredResponse).toStrictEqual({ contact: "nobody" });
    expect(messages.at(-1)?.text).toContain('{"contact":"nobody"}');
  });

  it("reaches structured output that has to be tried again", async () => {
    const strategy = toolStrategy(z.object({ contact: z.string(), age: z.number() }));
    const extract = (args: object): object => ({ calls: [{ name: strategy[0]?.name ?? "", args }] });
    const model = new ScriptedChatModel(
      extract({ contact: "bob@example.com", age: "old" }),
      extract({ contact: "bob@example.com", age: 7 }),
    );
    const agent = createAgent(
      govern(planeOf([response]), { agent: "a" }, { model, tools: [], responseFormat: strategy }),
    );
    const result = await agent.invoke({ messages: [{ role: "user", content: "go" }] });
    expect(model.prompts).toHaveLength(2);
    expect(JSON.stringify(result)).not.toContain("bob@example.com");
  });

  it("redacts a prompt for the provider only: the history stays as it was", async () => {
    const policy: Policy = { id: "p", blocking: [rule.redact({ detect: ["email"], from: ["prompt"] })] };
    const model = new ScriptedChatModel({ text: "ok" });
    const { run } = governedAgent({ plane: planeOf([policy]), model });
    const { messages } = await run("I am bob@example.com");
    expect(JSON.stringify(model.prompts)).not.toContain("bob@example.com");
    expect(messages[0]?.text).toBe("I am bob@example.com");
  });
});

describe("the system message", () => {
  it("is part of the prompt that a policy redacts, and stays a system message", async () => {
    const policy: Policy = { id: "p", blocking: [rule.redact({ detect: ["email"], from: ["prompt"] })] };
    const model = new ScriptedChatModel({ text: "ok" });
    const systemPrompt = "Escalate to ann@example.com.";
    const agent = createAgent(govern(planeOf([policy]), { agent: "a" }, { model, tools: [], systemPrompt }));
    await agent.invoke({ messages: [{ role: "user", content: "go" }] });
    expect(model.prompts[0]?.map(({ type }) => type)).toEqual(["system", "human"]);
    expect(model.prompts[0]?.[0]?.text).toMatch(/^Escalate to .+\.$/);
    expect(JSON.stringify(model.prompts)).not.toContain("ann@example.com");
  });
});

describe("the tools a model is offered", () => {
  it("are those that may run, tools of the provider included", async () => {
    const policy: Policy = { id: "allow", blocking: [rule.allowlist({ tools: ["read"] })] };
    const model = new ScriptedChatModel({ text: "ok" });
    const agent = createAgent(
      govern(
        planeOf([policy]),
        { agent: "a" },
        {
          model,
          tools: [countingTool("read").tool, countingTool("wipe").tool, { type: "web_search_preview" }],
        },
      ),
    );
    await agent.invoke({ messages: [{ role: "user", content: "go" }] });
    expect(model.offered).toEqual([["read"]]);
  });
});
