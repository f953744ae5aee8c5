import type { AgentPlane } from "@agentplane/core";
import { AIMessage } from "@langchain/core/messages";
import type { StructuredToolInterface } from "@langchain/core/tools";
import { MemorySaver, MessagesAnnotation, StateGraph } from "@langchain/langgraph";
import { ToolNode } from "@langchain/langgraph/prebuilt";
import { expect, it } from "vitest";

import { GuardedToolNode, guardTool } from "../../src/langgraph.ts";
import { countingTool, planeOf } from "../governed-agent.ts";

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
