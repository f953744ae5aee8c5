import { rule, type Policy } from "@agentplane/core";
import { ToolMessage, type BaseMessage } from "@langchain/core/messages";
import { Command, MessagesAnnotation, ParentCommand, StateGraph } from "@langchain/langgraph";
import { createMiddleware, type AgentMiddleware } from "langchain";
import { describe, expect, it } from "vitest";

import { countingTool, governedAgent, planeOf } from "./governed-agent.ts";
import { ScriptedChatModel } from "./scripted-chat-model.ts";

type WrapToolCall = NonNullable<AgentMiddleware["wrapToolCall"]>;

const SECRET = "bob@example.com";
/** Looks at what tools give alone, and at no prompt. */
const REDACT: Policy = { id: "r", blocking: [rule.redact({ detect: ["email"], from: ["result"] })] };
const WITHHOLD: Policy = { id: "w", selector: { tools: ["look"] }, blocking: [rule.piiBlock({})] };

function messageOf(result: unknown): ToolMessage {
  if (!ToolMessage.isInstance(result)) throw new Error("no message");
  return result;
}

/** The message of a tool, with an address in it. */
function telling(result: unknown): ToolMessage {
  const { tool_call_id, name = "" } = messageOf(result);
  return new ToolMessage({ content: `mail ${SECRET}`, tool_call_id, name });
}

/** What a wrapper of tool calls makes of a result that the plane has judged. */
const CHANGES: Readonly<Record<string, WrapToolCall>> = {
  "another message": async (request, handler) => telling(await handler(request)),
  "the same message with another text": async (request, handler) =>
    Object.assign(messageOf(await handler(request)), { content: `mail ${SECRET}` }),
  "the same message with another text in a block": async (request, handler) => {
    const message = messageOf(await handler(request));
    Object.assign((message.content as unknown as object[])[0] ?? {}, { text: `mail ${SECRET}` });
    return message;
  },
  "the same message with an artifact": async (request, handler) =>
    Object.assign(messageOf(await handler(request)), { artifact: { rows: [SECRET] } }),
  "the same message with metadata": async (request, handler) =>
    Object.assign(messageOf(await handler(request)), { response_metadata: { seen: SECRET } }),
  "a Command that writes it": async (request, handler) =>
    new Command({ update: { messages: [telling(await handler(request))] } }),
  "the answer to its second attempt": async (request, handler) => {
    await handler({ ...request, toolCall: { ...request.toolCall, id: "c2" } });
    return telling(await handler(request));
  },
};

function agentOf(policies: readonly Policy[], wrapToolCall: WrapToolCall) {
  const look = countingTool("look", () => [[{ type: "text", text: "nobody" }], undefined]);
  Object.assign(look.tool, { responseFormat: "content_and_artifact" });
  const model = new ScriptedChatModel({ calls: [{ id: "c1", name: "look" }] }, { text: "done" });
  const middleware = [createMiddleware({ name: "mine", wrapToolCall })];
  const made = governedAgent({ plane: planeOf(policies), model, tools: [look.tool], middleware });
  return { ...made, model, look };
}

describe.each(Object.entries(CHANGES))("a tool's result of which a wrapper makes %s", (_, wrapToolCall) => {
  it("is redacted before the model reads it, on every surface", async () => {
    const { agent, model, look, decisions } = agentOf([REDACT], wrapToolCall);
    const seen: unknown[] = [];
    const stream = await agent.stream(
      { messages: [{ role: "user", content: "go" }] },
      { streamMode: ["messages", "updates", "values", "tasks"], configurable: { thread_id: "t" } },
    );
    for await (const part of stream) seen.push(part);
    expect(model.prompts).toHaveLength(2);
    expect(JSON.stringify(model.prompts)).not.toContain(SECRET);
    expect(JSON.stringify(seen)).not.toContain(SECRET);
    // Decided and counted as often as it ran.
    const before = decisions.filter(({ decision }) => decision.hookpoint === "before_tool_call");
    expect(before).toHaveLength(look.runs.length);
  });

  it("is withheld, with the words that it was executed", async () => {
    const { run, model, look } = agentOf([WITHHOLD], wrapToolCall);
    const { toolMessages } = await run();
    expect(look.runs).not.toEqual([]);
    expect(JSON.stringify(model.prompts)).not.toContain(SECRET);
    expect(toolMessages).toMatchObject([{ status: "error", tool_call_id: "c1" }]);
    expect(toolMessages[0]?.text).toContain("WAS executed");
  });

  it("stays what it is where nothing forbids that", async () => {
    const { run } = agentOf([], wrapToolCall);
    expect(JSON.stringify((await run()).toolMessages)).toContain(SECRET);
  });
});

it("a Command for the graph around, which a wrapper throws in the place of a result, is judged", async () => {
  const { agent, look } = agentOf([REDACT], async (request, handler) => {
    const update = { messages: [telling(await handler(request))] };
    throw new ParentCommand(new Command({ graph: Command.PARENT, update, goto: "next" }));
  });
  const graph = new StateGraph(MessagesAnnotation)
    .addNode("agent", agent.graph, { ends: ["next"] })
    .addNode("next", () => ({}))
    .addEdge("__start__", "agent")
    .compile();
  const { messages } = await graph.invoke({ messages: [{ role: "user", content: "go" }] });
  expect(look.runs).toHaveLength(1);
  expect(messages.at(-1)?.text).toBe("mail [EMAIL]");
});

it("the words that a wrapper puts in the place of a denied call's are judged", async () => {
  const denied: Policy = { id: "d", blocking: [rule.denylist({ tools: ["look"] })] };
  const { run, look, model } = agentOf([denied, REDACT], async (request, handler) =>
    telling(await handler(request)),
  );
  expect((await run()).toolMessages[0]?.text).toBe("mail [EMAIL]");
  expect(look.runs).toEqual([]);
  expect(JSON.stringify(model.prompts)).not.toContain(SECRET);
});

it("the words that a wrapper puts in the place of an exception are judged", async () => {
  const { run, look } = agentOf([REDACT], (request, handler) =>
    Promise.resolve(handler(request)).catch(
      () => new ToolMessage({ content: `ask ${SECRET}`, tool_call_id: "c1", name: "look" }),
    ),
  );
  look.tool.func = async () => {
    throw new Error("down");
  };
  expect((await run()).toolMessages[0]?.text).toBe("ask [EMAIL]");
});

it("a result that a wrapper hands on is judged once", async () => {
  const { run, decisions } = agentOf([REDACT], (request, handler) => handler(request));
  await run();
  expect(decisions.map(({ decision }) => decision.hookpoint)).toStrictEqual([
    "before_model_call",
    "before_tool_call",
    "before_model_call",
  ]);
});

it.each(["beforeModel", "afterModel"] as const)(
  "what a %s hook writes in the place of a result is judged as part of the prompt that the model gets",
  async (hook) => {
    const inPrompts: Policy = { id: "p", blocking: [rule.redact({ detect: ["email"], from: ["prompt"] })] };
    const look = countingTool("look");
    const calls = [{ id: "c1", name: "look" }];
    const model = new ScriptedChatModel({ calls }, { calls: [{ id: "c2", name: "look" }] }, { text: "done" });
    const writing = createMiddleware({
      name: "writing",
      [hook]: ({ messages }: { readonly messages: readonly BaseMessage[] }) => {
        const result = messages.find((one) => ToolMessage.isInstance(one));
        return result && { messages: [Object.assign(telling(result), { id: result.id })] };
      },
    });
    const { run } = governedAgent({
      plane: planeOf([inPrompts]),
      model,
      tools: [look.tool],
      middleware: [writing],
    });
    expect(JSON.stringify((await run()).toolMessages)).toContain(SECRET);
    expect(model.prompts).toHaveLength(3);
    expect(JSON.stringify(model.prompts)).toContain("mail [EMAIL]");
    expect(JSON.stringify(model.prompts)).not.toContain(SECRET);
  },
);
