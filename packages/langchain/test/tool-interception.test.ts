import { rule, type Policy } from "@agentplane/core";
import { createMiddleware } from "langchain";
import { describe, expect, it } from "vitest";

import { countingTool, governedAgent, planeOf } from "./governed-agent.ts";
import { ScriptedChatModel } from "./scripted-chat-model.ts";

const deny = (...tools: string[]): Policy => ({ id: "deny", blocking: [rule.denylist({ tools })] });

const call = (name: string, args: object = {}) => ({ calls: [{ name, args }] });

describe("a blocked tool call", () => {
  it("does not run, and the model reads why in an error it can react to", async () => {
    const wipe = countingTool("wipe");
    const model = new ScriptedChatModel(call("wipe"), { text: "I will not." });
    const { run } = governedAgent({ plane: planeOf([deny("wipe")]), model, tools: [wipe.tool] });
    const { toolMessages, last } = await run();
    expect(wipe.runs).toEqual([]);
    expect(toolMessages[0]).toMatchObject({ status: "error", name: "wipe", tool_call_id: "call_1_0" });
    expect(toolMessages[0]?.text).toMatch(/wipe/);
    expect(last.text).toBe("I will not.");
  });

  it("does not run when the tool was hidden and the model named it all the same", async () => {
    const wipe = countingTool("wipe");
    const model = new ScriptedChatModel(call("wipe"));
    const { run, decisions } = governedAgent({
      plane: planeOf([deny("wipe")]),
      model,
      tools: [wipe.tool, countingTool("read").tool],
    });
    await run();
    expect(model.offered[0]).toEqual(["read"]);
    expect(wipe.runs).toEqual([]);
    expect(decisions.filter((one) => one.tool === "wipe").map(({ decision }) => decision.effect)).toEqual([
      "block",
    ]);
  });

  it("is decided also when the model invented the tool", async () => {
    const model = new ScriptedChatModel(call("no_such_tool"), call("other_tool"));
    const { run, decisions } = governedAgent({
      plane: planeOf([deny("no_such_tool")]),
      model,
      tools: [countingTool("read").tool],
    });
    const { toolMessages } = await run();
    expect(decisions.map(({ tool: name, decision }) => [name, decision.effect])).toContainEqual([
      "no_such_tool",
      "block",
    ]);
    expect(toolMessages[1]?.text).toMatch(/other_tool is not a valid tool/);
  });

  it("does not run although a callback handler throws", async () => {
    const wipe = countingTool("wipe");
    const model = new ScriptedChatModel(call("wipe"));
    const { agent } = governedAgent({ plane: planeOf([deny("wipe")]), model, tools: [wipe.tool] });
    const handler = {
      name: "loud",
      raiseError: false,
      handleToolStart: fail,
      handleChainStart: fail,
      handleLLMEnd: fail,
    };
    await agent.invoke({ messages: [{ role: "user", content: "go" }] }, { callbacks: [handler] });
    expect(wipe.runs).toEqual([]);
  });

  it("is refused with words when its content cannot be read", async () => {
    const read = countingTool("read");
    let deep: object = {};
    for (let at = 0; at < 200; at++) deep = { deep };
    const { run, decisions } = governedAgent({
      plane: planeOf(),
      model: new ScriptedChatModel(call("read", deep)),
      tools: [read.tool],
    });
    const { toolMessages, last } = await run();
    expect(read.runs).toEqual([]);
    expect(toolMessages[0]).toMatchObject({ status: "error" });
    expect(toolMessages[0]?.text).toMatch(/cannot be used/);
    // The arguments stay in the history, so the prompt with them is refused too.
    expect(last.text).toMatch(/cannot be used/);
    expect(decisions.filter(({ decision }) => decision.effect === "block")).toMatchObject([
      { tool: "read", decision: { cause: "content_refused" } },
      { model: "scripted-1", decision: { cause: "content_refused" } },
    ]);
  });
});

function fail(): never {
  throw new Error("a broken tracer");
}

describe("an edited tool call", () => {
  it("is decided as it will run, whoever edited it", async () => {
    const wipe = countingTool("wipe");
    const edit = createMiddleware({
      name: "editor",
      wrapToolCall: (request, handler) =>
        handler({ ...request, tool: wipe.tool, toolCall: { ...request.toolCall, name: "wipe" } }),
    });
    const model = new ScriptedChatModel(call("read"));
    const { run } = governedAgent({
      plane: planeOf([deny("wipe")]),
      model,
      tools: [countingTool("read").tool, wipe.tool],
      middleware: [edit],
    });
    const { toolMessages } = await run();
    expect(wipe.runs).toEqual([]);
    expect(toolMessages[0]?.status).toBe("error");
  });

  it.each([
    ["the call was renamed and the tool left", "wipe", { name: "read" }],
    ["the tool was swapped and the name left", "read", { name: "read" }],
  ])("is decided as it will run when %s", async (_how, called, renamed) => {
    const wipe = countingTool("wipe");
    const edit = createMiddleware({
      name: "editor",
      wrapToolCall: (request, handler) =>
        handler({ ...request, tool: wipe.tool, toolCall: { ...request.toolCall, ...renamed } }),
    });
    const { run } = governedAgent({
      plane: planeOf([deny("wipe")]),
      model: new ScriptedChatModel(call(called)),
      tools: [countingTool("read").tool, wipe.tool],
      middleware: [edit],
    });
    const { toolMessages } = await run();
    expect(wipe.runs).toEqual([]);
    expect(toolMessages[0]?.status).toBe("error");
  });

  it("is decided as it will run when the edit came after the model", async () => {
    const wipe = countingTool("wipe");
    const edit = createMiddleware({
      name: "late",
      afterModel: ({ messages }) => {
        const last = messages.at(-1);
        if (last === undefined || !("tool_calls" in last) || !Array.isArray(last.tool_calls))
          return undefined;
        for (const one of last.tool_calls) one.name = "wipe";
        return { messages: [last] };
      },
    });
    const agentOf = (policies: readonly Policy[]) =>
      governedAgent({
        plane: planeOf(policies),
        model: new ScriptedChatModel(call("read")),
        tools: [countingTool("read").tool, wipe.tool],
        middleware: [edit],
      });
    await agentOf([deny("wipe")]).run();
    expect(wipe.runs).toEqual([]);
    await agentOf([]).run();
    expect(wipe.runs).toHaveLength(1);
  });

  it("is denied under the name it goes by, too", async () => {
    const other = countingTool("other");
    const edit = createMiddleware({
      name: "editor",
      wrapToolCall: (request, handler) => handler({ ...request, tool: other.tool }),
    });
    const { run } = governedAgent({
      plane: planeOf([deny("read")]),
      model: new ScriptedChatModel(call("read")),
      tools: [countingTool("read").tool, other.tool],
      middleware: [edit],
    });
    await run();
    expect(other.runs).toEqual([]);
  });

  it("runs with the input a policy redacted", async () => {
    const save = countingTool("save");
    const policy: Policy = { id: "r", blocking: [rule.redact({ detect: ["email"], from: ["input"] })] };
    const { run } = governedAgent({
      plane: planeOf([policy]),
      model: new ScriptedChatModel(call("save", { note: "write to bob@example.com" })),
      tools: [save.tool],
    });
    await run();
    expect(JSON.stringify(save.runs)).not.toContain("bob@example.com");
    expect(save.runs).toHaveLength(1);
  });
});
