/* oxlint-disable unicorn/no-thenable -- `then` is a word of the policy language: a text, never a function */
import { memoryState, rule, type AgentPlane, type PlaneOptions, type Policy } from "@agentplane/core";
import { createRecordingLogger } from "@agentplane/core/testing";
import { AIMessage, HumanMessage, ToolMessage, type BaseMessage } from "@langchain/core/messages";
import type { ClientTool } from "@langchain/core/tools";
import { interrupt, MemorySaver, MessagesAnnotation, StateGraph } from "@langchain/langgraph";
import { ToolNode, toolsCondition } from "@langchain/langgraph/prebuilt";
import { createAgent, humanInTheLoopMiddleware, tool, type AnyAgentMiddleware } from "langchain";
import { describe, expect, it } from "vitest";
import * as z from "zod";

import { withAnsweredCalls } from "../src/approval/answered-calls.ts";
import { govern } from "../src/index.ts";
import { GuardedToolNode, guardModel, guardTool } from "../src/langgraph.ts";
import { countingTool, planeOf } from "./governed-agent.ts";
import { governedGraph } from "./langgraph/governed-graph.ts";
import { ScriptedChatModel } from "./scripted-chat-model.ts";

const ASK: Policy = { id: "ask", blocking: [rule.condition({ where: { tool: "pay" }, then: "escalate" })] };

const calling = (...ids: readonly string[]) =>
  new AIMessage({ content: "", tool_calls: ids.map((id) => ({ id, name: "pay", args: {} })) });
const always = async () => true;
const result = (id: string) => new ToolMessage({ content: "ok", tool_call_id: id });

describe("a guarded model in a graph whose approval was given up for a new message", () => {
  it("is told of the call that waited that it did not run", async () => {
    const pay = countingTool("pay");
    const model = new ScriptedChatModel({
      calls: [
        { id: "c1", name: "pay" },
        { id: "c2", name: "pay" },
      ],
    });
    const { run } = governedGraph({
      plane: planeOf([ASK], { approvals: { resolver: "external" } }),
      model,
      tools: [pay.tool],
    });
    expect((await run()).waiting.flat()).toHaveLength(2);
    const { text, toolMessages } = await run();
    expect(text).toBe("done");
    expect(pay.runs).toEqual([]);
    const answers = model.prompts[1]?.filter((one) => ToolMessage.isInstance(one)) ?? [];
    expect(answers.map(({ tool_call_id: id, status }) => [id, status])).toEqual([
      ["c1", "error"],
      ["c2", "error"],
    ]);
    expect(model.prompts[1]?.map(({ type }) => type)).toEqual(["human", "ai", "tool", "tool", "human"]);
    // The history is the application's.
    expect(toolMessages).toEqual([]);
  });
});

const kindsOf = (prompt: readonly BaseMessage[] = []) => prompt.map(({ type }) => type);
const FILLED = ["human", "ai", "tool", "human"];
const LEFT = ["human", "ai", "human"];
const ask: PlaneOptions = { approvals: { resolver: "external", key: "of-this-test-and-no-other" } };

/** Goes on with a new message after a turn that waits: of which a second process may ask the model. */
async function giveUp(
  planes: readonly [AgentPlane, AgentPlane],
  {
    tools = [countingTool("pay").tool],
    middleware = [],
  }: { readonly tools?: readonly ClientTool[]; readonly middleware?: readonly AnyAgentMiddleware[] } = {},
) {
  const model = new ScriptedChatModel({ calls: [{ name: "pay", args: { amount: 5 } }] });
  const checkpointer = new MemorySaver();
  for (const plane of planes) {
    const agent = createAgent(
      govern(plane, { agent: "a" }, { model, tools: [...tools], middleware, checkpointer }),
    );
    // oxlint-disable-next-line no-await-in-loop -- one message after the other
    await agent.invoke(
      { messages: [{ role: "user", content: "go" }] },
      { configurable: { thread_id: "t1" } },
    );
  }
  return kindsOf(model.prompts[1]);
}

const hitl = humanInTheLoopMiddleware({ interruptOn: { pay: true } } as never) as never;
const interrupting = tool(() => String(interrupt("by the tool itself")), {
  name: "pay",
  description: "pay",
  schema: z.looseObject({}),
});

describe("a turn that was given up for a new message", () => {
  it.each([
    ["the human in the loop", [], { middleware: [hitl] }],
    ["the tool itself", [], { tools: [interrupting] }],
    ["the human in the loop, and a policy in shadow", [{ ...ASK, mode: "shadow" }], { middleware: [hitl] }],
  ] as const)("is left as it is where %s made it wait", async (_, policies, parts) => {
    const logger = createRecordingLogger();
    const plane = planeOf(policies, { ...ask, ports: { logger } });
    expect(await giveUp([plane, plane], parts)).toEqual(LEFT);
    expect(logger.messages("warn")).toEqual([]);
  });

  it("is told of by another process that knows no more than what was asked", async () => {
    const state = memoryState();
    expect(await giveUp([planeOf([ASK], { ...ask, state }), planeOf([], { ...ask, state })])).toEqual(FILLED);
  });

  it("is told of after a restart that forgot what was asked", async () => {
    expect(await giveUp([planeOf([ASK], ask), planeOf([ASK], ask)])).toEqual(FILLED);
  });

  it("is told of where an agent in its tool waited", async () => {
    const blocking = [rule.condition({ where: { tool: "transfer" }, then: "escalate" })];
    const plane = planeOf([{ id: "ask", blocking }], ask);
    const inner = createAgent(
      govern(
        plane,
        { agent: "inner" },
        {
          model: new ScriptedChatModel({ calls: [{ name: "transfer" }] }),
          tools: [countingTool("transfer").tool],
        },
      ),
    );
    const outer = tool(
      async () => {
        await inner.invoke({ messages: [{ role: "user", content: "pay" }] });
        return "paid";
      },
      { name: "pay", description: "pay", schema: z.looseObject({}) },
    );
    expect(await giveUp([plane, plane], { tools: [outer] })).toEqual(FILLED);
  });

  it.each(["a tool node", "a guarded tool"])("is told of where %s of another agent waited", async (kind) => {
    const [state, checkpointer] = [memoryState(), new MemorySaver()];
    const model = new ScriptedChatModel({ calls: [{ name: "pay" }] });
    const worker = { agent: "worker" };
    // What a second process knows is what was asked.
    for (const policies of [[ASK], []]) {
      const plane = planeOf(policies, { ...ask, state });
      const boss = guardModel(plane, { agent: "boss" }, model);
      const pay = countingTool("pay").tool;
      const node =
        kind === "a tool node"
          ? new GuardedToolNode(plane, worker, [pay])
          : new ToolNode([guardTool(plane, worker, pay)]);
      const graph = new StateGraph(MessagesAnnotation)
        .addNode("agent", async ({ messages }) => ({ messages: [await boss.invoke(messages)] }))
        .addNode("tools", node)
        .addEdge("__start__", "agent")
        .addConditionalEdges("agent", toolsCondition, ["tools", "__end__"])
        .addEdge("tools", "agent")
        .compile({ checkpointer });
      // oxlint-disable-next-line no-await-in-loop -- one message after the other
      await graph.invoke(
        { messages: [{ role: "user", content: "go" }] },
        { configurable: { thread_id: "t1" } },
      );
    }
    expect(kindsOf(model.prompts[1])).toEqual(FILLED);
  });
});

describe("answers for calls without one", () => {
  it("are added to a turn that has none, also where a result belongs to no call", async () => {
    const history = [result("c0"), new HumanMessage("a"), calling("c1", "c2"), new HumanMessage("b")];
    const complete = await withAnsweredCalls(history, always);
    expect(complete.map((one) => (ToolMessage.isInstance(one) ? one.tool_call_id : one.type))).toEqual([
      "c0",
      "human",
      "ai",
      "c1",
      "c2",
      "human",
    ]);
  });

  it("say of a call beside others no more than is known", async () => {
    const [, one] = await withAnsweredCalls([calling("c1")], always);
    const [, of, two] = await withAnsweredCalls([calling("c1", "c2")], async ({ id }) => id === "c2");
    expect(one?.text).toMatch(/^This call did not run/);
    expect([of?.text, two?.text]).toEqual(Array(2).fill(expect.stringContaining("others may have")));
  });

  it.each([
    ["nothing is missing", [new HumanMessage("a"), calling("c1"), result("c1")]],
    ["LangChain itself answers one of two", [calling("c1", "c2"), result("c1"), new HumanMessage("b")]],
  ])("are not added where %s", (_, history) => {
    expect(withAnsweredCalls(history, always)).toBe(history);
  });
});
