import { rule, type AgentPlane } from "@agentplane/core";
import { AIMessage, HumanMessage, ToolMessage, type ToolCall } from "@langchain/core/messages";
import type { StructuredToolInterface } from "@langchain/core/tools";
import { MemorySaver, MessagesAnnotation, Send, StateGraph } from "@langchain/langgraph";
import { ToolNode } from "@langchain/langgraph/prebuilt";
import { expect, it } from "vitest";

import { GuardedToolNode, guardModel, guardTool } from "../../src/langgraph.ts";
import { countingTool, planeOf } from "../governed-agent.ts";
import { ScriptedChatModel } from "../scripted-chat-model.ts";

type NodeOf = (plane: AgentPlane, tool: StructuredToolInterface) => ToolNode;

const WAYS: readonly (readonly [string, NodeOf])[] = [
  ["a guarded tool node", (plane, tool) => new GuardedToolNode(plane, { agent: "a" }, [tool])],
  ["a guarded tool", (plane, tool) => new ToolNode([guardTool(plane, { agent: "a" }, tool)])],
];

it.each(WAYS)(
  "%s runs the call of a later turn that has the id of an earlier one, and each once",
  async (...way) => {
    const pay = countingTool("pay");
    const node = way[1](planeOf(), pay.tool);
    const graph = new StateGraph(MessagesAnnotation)
      // By itself a ToolNode looks through all messages for an answer to an id, and finds that of the earlier turn.
      .addNode("tools", async ({ messages }, own) => node.invoke({ messages: messages.slice(-1) }, own))
      .addEdge("__start__", "tools")
      .compile({ checkpointer: new MemorySaver() });
    const config = { configurable: { thread_id: "t1" } };
    for (const times of [1, 2]) {
      const tool_calls = [
        { type: "tool_call" as const, id: "functions.pay:0", name: "pay", args: { amount: 5 } },
      ];
      // oxlint-disable-next-line no-await-in-loop -- one turn after the other
      const { messages } = await graph.invoke(
        { messages: [new AIMessage({ content: "", tool_calls })] },
        config,
      );
      expect([pay.runs.length, messages.at(-1)?.text]).toEqual([times, "ok"]);
    }
    for await (const { next, config: before } of graph.getStateHistory(config))
      if (next.includes("tools")) await graph.invoke(null, before);
    expect(pay.runs).toHaveLength(2);
  },
);

/** Each call of a message to a node of its own, that is given the call alone. */
function sends(message: unknown): Send[] | "__end__" {
  const calls = AIMessage.isInstance(message) ? (message.tool_calls ?? []) : [];
  return calls.length === 0 ? "__end__" : calls.map((call) => new Send("tools", { call }));
}

it("a call that waits is answered in a prompt also where its node was given the call alone", async () => {
  const plane = planeOf(
    [
      {
        id: "r",
        selector: { tools: ["pay"] },
        blocking: [rule.rate({ limit: 1, window: "1h", per: "agent", onBreach: "escalate" })],
      },
    ],
    { approvals: { resolver: "external" } },
  );
  const pay = countingTool("pay");
  const guarded = guardTool(plane, { agent: "a" }, pay.tool);
  const turn = (id: string, amount: number) => ({ calls: [{ id, name: "pay", args: { amount } }] });
  const model = new ScriptedChatModel(turn("c1", 1), turn("c2", 2), { text: "well" });
  const asking = guardModel(plane, { agent: "a" }, model);
  const graph = new StateGraph(MessagesAnnotation)
    .addNode("agent", async ({ messages }) => ({ messages: [await asking.invoke(messages)] }))
    .addNode("tools", async (given: unknown) => ({
      // What `Send` gives it.
      messages: [await guarded.invoke({ ...(given as { call: ToolCall }).call, type: "tool_call" })],
    }))
    .addEdge("__start__", "agent")
    .addConditionalEdges("agent", ({ messages }) => sends(messages.at(-1)), ["tools", "__end__"])
    .addEdge("tools", "agent")
    .compile({ checkpointer: new MemorySaver() });
  const config = { configurable: { thread_id: "t1" } };
  await graph.invoke({ messages: [new HumanMessage("pay twice")] }, config);
  expect(pay.runs).toHaveLength(1);
  await graph.invoke({ messages: [new HumanMessage("never mind")] }, config);
  const asked = model.prompts.at(-1) ?? [];
  const answered = new Set(asked.flatMap((one) => (ToolMessage.isInstance(one) ? [one.tool_call_id] : [])));
  const made = asked.flatMap((one) => (AIMessage.isInstance(one) ? (one.tool_calls ?? []) : []));
  expect(made.map(({ id }) => id).filter((id) => !answered.has(id ?? ""))).toStrictEqual([]);
});
