import { rule, type Policy } from "@agentplane/core";
import { ToolMessage } from "@langchain/core/messages";
import { Command, interrupt } from "@langchain/langgraph";
import { type AnyAgentMiddleware, createAgent, createMiddleware, tool, toolRetryMiddleware } from "langchain";
import { describe, expect, it } from "vitest";
import * as z from "zod";

import { govern } from "../src/index.ts";
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
    const { run } = governedAgent({
      plane: planeOf(),
      model: new ScriptedChatModel(call("read", deep)),
      tools: [read.tool],
    });
    const { toolMessages, last } = await run();
    expect(read.runs).toEqual([]);
    expect(toolMessages[0]).toMatchObject({ status: "error" });
    expect(last.text).toMatch(/cannot be used/);
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
    const { run } = governedAgent({
      plane: planeOf([deny("wipe")]),
      model: new ScriptedChatModel(call("read")),
      tools: [countingTool("read").tool, wipe.tool],
      middleware: [edit],
    });
    await run();
    expect(wipe.runs).toEqual([]);
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

describe("a tool that fails", () => {
  const boom = tool(() => fail(), { name: "boom", description: "Fails.", schema: z.object({}) });
  const strict = tool(() => "ok", {
    name: "strict",
    description: "Is strict.",
    schema: z.object({ amount: z.number() }),
  });
  const wrapper = createMiddleware({ name: "user", wrapToolCall: (request, handler) => handler(request) });

  const cases = [
    { what: "an exception", name: "boom", middleware: [] },
    { what: "invalid arguments", name: "strict", middleware: [] },
    { what: "an exception under another wrapToolCall", name: "boom", middleware: [wrapper] },
    { what: "invalid arguments under another wrapToolCall", name: "strict", middleware: [wrapper] },
  ];
  it.each(cases)("stays what it was without us: $what", async ({ name, middleware }) => {
    const tools = [boom, strict];
    const script = (): ScriptedChatModel =>
      new ScriptedChatModel({ calls: [{ id: "c1", name, args: { amount: "many" } }] });
    const input = { messages: [{ role: "user", content: "go" }] };
    const bare = await settled(createAgent({ model: script(), tools, middleware }).invoke(input));
    const governed = governedAgent({ plane: planeOf(), model: script(), tools, middleware });
    expect(await settled(governed.agent.invoke(input))).toEqual(bare);
  });

  it("is tried again by a retry middleware, each attempt decided", async () => {
    let attempts = 0;
    const flaky = tool(() => (++attempts < 3 ? fail() : "ok"), {
      name: "flaky",
      description: "Fails twice.",
      schema: z.object({}),
    });
    // LangChain types its own middleware so that exactOptionalPropertyTypes refuses it.
    const retry = toolRetryMiddleware({
      maxRetries: 3,
      initialDelayMs: 0,
      jitter: false,
    }) as AnyAgentMiddleware;
    const { run, decisions } = governedAgent({
      plane: planeOf(),
      model: new ScriptedChatModel(call("flaky")),
      tools: [flaky],
      middleware: [retry],
    });
    const { toolMessages } = await run();
    expect(toolMessages[0]?.text).toBe("ok");
    expect(decisions.filter((one) => one.tool === "flaky").map(({ attempt }) => attempt)).toEqual([1, 2, 3]);
  });
});

/** How a run ended, without the stack that LangChain shows the model: it names every function on the way. */
async function settled(run: Promise<{ messages: readonly { getType(): string }[] }>): Promise<unknown> {
  try {
    const { messages } = await run;
    return messages
      .filter((message) => message instanceof ToolMessage)
      .map(({ text, status, name, tool_call_id: id }) => ({
        text: text.replaceAll(/^ {4}at .*\n/gm, ""),
        status,
        name,
        id,
      }));
  } catch (error) {
    return { thrown: error instanceof Error ? `${error.name}: ${error.message}` : error };
  }
}

describe("an interrupt inside a tool", () => {
  it("is not swallowed, and its resumed call counts once", async () => {
    let runs = 0;
    const confirm = tool(
      () => {
        const answer: unknown = interrupt({ ask: "really?" });
        runs += 1;
        return `answer: ${String(answer)}`;
      },
      { name: "confirm", description: "Asks.", schema: z.object({}) },
    );
    const policy: Policy = {
      id: "once",
      blocking: [rule.rate({ limit: 1, window: "1h" })],
      selector: { tools: ["confirm"] },
    };
    const { run, resume } = governedAgent({
      plane: planeOf([policy]),
      model: new ScriptedChatModel(call("confirm")),
      tools: [confirm],
      hasCheckpointer: true,
    });
    expect((await run()).waiting).toEqual([{ ask: "really?" }]);
    const { toolMessages } = await resume("yes");
    expect(toolMessages[0]?.text).toBe("answer: yes");
    expect(runs).toBe(1);
  });
});

describe("the id of a call", () => {
  it("may repeat in another run without a thread: that is another call", async () => {
    const read = countingTool("read");
    for (const name of ["first run", "second run"]) {
      const model = new ScriptedChatModel({ calls: [{ id: "same", name: "read" }] });
      const agent = createAgent(govern(plane, { agent: "a" }, { model, tools: [read.tool] }));
      // oxlint-disable-next-line no-await-in-loop -- one run after the other
      await agent.invoke({ messages: [{ role: "user", content: name }] });
    }
    expect(read.runs).toHaveLength(2);
  });

  it("does not run twice within a thread", async () => {
    const read = countingTool("read");
    const again = { calls: [{ id: "same", name: "read" }] };
    const { run } = governedAgent({ plane, model: new ScriptedChatModel(again, again), tools: [read.tool] });
    const { toolMessages } = await run();
    expect(read.runs).toHaveLength(1);
    expect(toolMessages[1]?.text).toMatch(/already executed/);
  });

  const plane = planeOf();
});

describe("parallel calls", () => {
  it("are admitted up to the limit: exactly two of five run", async () => {
    const read = countingTool("read");
    const policy: Policy = {
      id: "two",
      selector: { tools: ["read"] },
      blocking: [rule.rate({ limit: 2, window: "1h" })],
    };
    const model = new ScriptedChatModel({
      calls: [1, 2, 3, 4, 5].map((at) => ({ name: "read", args: { at } })),
    });
    const { run } = governedAgent({ plane: planeOf([policy]), model, tools: [read.tool] });
    const { toolMessages } = await run();
    expect(read.runs).toHaveLength(2);
    expect(toolMessages.filter(({ status }) => status === "error")).toHaveLength(3);
  });
});

describe("a redacted tool result", () => {
  const policy: Policy = { id: "r", blocking: [rule.redact({ detect: ["email"], fields: ["ssn"] })] };
  const secret = { mail: "bob@example.com", ssn: "412-55-7312", name: "Bob" };

  it("keeps id, name and status, and reaches the model without the secret", async () => {
    const read = countingTool("read", () => JSON.stringify([secret]));
    const model = new ScriptedChatModel(call("read"));
    const { run } = governedAgent({ plane: planeOf([policy]), model, tools: [read.tool] });
    const { toolMessages } = await run();
    expect(toolMessages[0]).toMatchObject({ tool_call_id: "call_1_0", name: "read" });
    expectClean(toolMessages);
    expectClean(model.prompts[1]);
    expect(toolMessages[0]?.text).toContain("Bob");
  });

  it("is clean in content blocks and in the artifact", async () => {
    const blocks = tool(() => [[{ type: "text", text: "mail bob@example.com" }], { rows: [secret] }], {
      name: "blocks",
      description: "Gives blocks.",
      schema: z.object({}),
      responseFormat: "content_and_artifact",
    });
    const { run } = governedAgent({
      plane: planeOf([policy]),
      model: new ScriptedChatModel(call("blocks")),
      tools: [blocks],
    });
    const { toolMessages } = await run();
    expectClean(toolMessages);
    expect(toolMessages[0]?.artifact).toMatchObject({ rows: [{ name: "Bob" }] });
  });

  it("is clean in everything a Command writes", async () => {
    const commanding = tool(
      (_, { toolCallId }: { toolCallId: string }) =>
        new Command({
          update: {
            messages: [
              new ToolMessage({
                content: "mail bob@example.com",
                tool_call_id: toolCallId,
                name: "commanding",
              }),
            ],
          },
        }),
      { name: "commanding", description: "Gives a Command.", schema: z.object({}) },
    );
    const { run } = governedAgent({
      plane: planeOf([policy]),
      model: new ScriptedChatModel(call("commanding")),
      tools: [commanding],
    });
    const { toolMessages } = await run();
    expect(toolMessages).toHaveLength(1);
    expectClean(toolMessages);
  });

  it("is clean in the error of a tool that throws", async () => {
    const throwing = countingTool("throwing", () => {
      throw new Error("no access for bob@example.com");
    });
    const { run } = governedAgent({
      plane: planeOf([policy]),
      model: new ScriptedChatModel(call("throwing")),
      tools: [throwing.tool],
    });
    const { toolMessages } = await run();
    expect(toolMessages[0]).toMatchObject({ status: "error" });
    expect(toolMessages[0]?.text).toContain("Please fix your mistakes.");
    expectClean(toolMessages);
  });
});

function expectClean(value: unknown): void {
  expect(JSON.stringify(value)).not.toMatch(/bob@example|412-55-7312/);
}
