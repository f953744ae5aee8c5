/* oxlint-disable unicorn/no-thenable -- `then` is a word of the policy language: a text, never a function */
import { ApprovalPending, rule, type Policy } from "@agentplane/core";
import { AIMessage, ToolMessage } from "@langchain/core/messages";
import {
  Command,
  INTERRUPT,
  isInterrupted,
  MemorySaver,
  MessagesAnnotation,
  StateGraph,
} from "@langchain/langgraph";
import { ToolNode } from "@langchain/langgraph/prebuilt";
import { describe, expect, it } from "vitest";

import { guardTool, type ApprovalRequest } from "../../src/langgraph.ts";
import { countingTool, planeOf } from "../governed-agent.ts";

const ASK: Policy = {
  id: "ask",
  blocking: [rule.condition({ where: { tool: "pay" }, then: "escalate", reason: "paying needs a person" })],
};
const identity = { agent: "a" };
const CALL = { type: "tool_call", id: "c1", name: "pay", args: { id: 1 } } as const;

function paying() {
  const { tool, runs } = countingTool("pay");
  const plane = planeOf([ASK], { approvals: { resolver: "external" } });
  return { guarded: guardTool(plane, identity, tool), runs };
}

describe("a guarded tool whose call needs a human", () => {
  it("pauses a graph with a plain ToolNode, and runs once it is approved", async () => {
    const { guarded, runs } = paying();
    const graph = new StateGraph(MessagesAnnotation)
      .addNode("tools", new ToolNode([guarded]))
      .addEdge("__start__", "tools")
      .compile({ checkpointer: new MemorySaver() });
    const config = { configurable: { thread_id: "t1" } };
    const state: unknown = await graph.invoke(
      { messages: [new AIMessage({ content: "", tool_calls: [CALL] })] },
      config,
    );
    const waiting = isInterrupted<ApprovalRequest>(state) ? state[INTERRUPT] : [];
    expect(waiting).toHaveLength(1);
    expect(runs).toEqual([]);
    const resume = { approvalId: waiting[0]?.value?.approvalId, decision: "approve", by: "mira" };
    const { messages } = await graph.invoke(new Command({ resume }), config);
    expect(runs).toEqual([{ id: 1 }]);
    expect(messages.at(-1)?.text).toBe("ok");
  });

  it("does not run outside of a graph: code gets the error, a model the words", async () => {
    const { guarded, runs } = paying();
    await expect(guarded.invoke({ id: 1 })).rejects.toBeInstanceOf(ApprovalPending);
    const message: unknown = await guarded.invoke(CALL);
    expect(ToolMessage.isInstance(message) && message.text).toMatch(/no checkpointer/);
    expect(runs).toEqual([]);
  });
});
