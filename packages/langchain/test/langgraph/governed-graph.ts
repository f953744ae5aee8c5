import type { AgentPlane, DecisionRecord } from "@agentplane/core";
import type { BaseChatModel } from "@langchain/core/language_models/chat_models";
import { ToolMessage } from "@langchain/core/messages";
import type { StructuredToolInterface } from "@langchain/core/tools";
import {
  Command,
  INTERRUPT,
  isInterrupted,
  MemorySaver,
  MessagesAnnotation,
  StateGraph,
} from "@langchain/langgraph";
import type { BaseCheckpointSaver } from "@langchain/langgraph-checkpoint";
import { toolsCondition } from "@langchain/langgraph/prebuilt";

import type { ApprovalRequest } from "../../src/index.ts";
import {
  GuardedToolNode,
  guardModel,
  type ApprovalRequests,
  type GovernedIdentity,
} from "../../src/langgraph.ts";

/** What a graph is made of in a test. */
export interface GraphParts {
  readonly plane: AgentPlane;
  readonly model: BaseChatModel;
  readonly tools?: readonly StructuredToolInterface[];
  readonly identity?: GovernedIdentity;
  readonly hasCheckpointer?: boolean;
  /** What another process left; default: memory of this graph. */
  readonly checkpointer?: BaseCheckpointSaver;
}

/** The visible end of a run. */
export interface SeenGraph {
  readonly toolMessages: readonly ToolMessage[];
  readonly text: string;
  /** One list for each interrupt. */
  readonly waiting: readonly (readonly ApprovalRequest[])[];
}

/** A graph of a guarded model and its guarded tools, with one thread. */
export function governedGraph({
  plane,
  model,
  tools = [],
  identity = { agent: "a" },
  hasCheckpointer = true,
  checkpointer = new MemorySaver(),
}: GraphParts) {
  const decisions: DecisionRecord[] = [];
  plane.on("decision", (record) => void decisions.push(record));
  const guarded = guardModel(plane, identity, model);
  const graph = new StateGraph(MessagesAnnotation)
    .addNode("agent", async ({ messages }) => ({ messages: [await guarded.invoke(messages)] }))
    .addNode("tools", new GuardedToolNode(plane, identity, [...tools]))
    .addEdge("__start__", "agent")
    .addConditionalEdges("agent", toolsCondition, ["tools", "__end__"])
    .addEdge("tools", "agent")
    .compile(hasCheckpointer ? { checkpointer } : {});
  const config = { configurable: { thread_id: "t1" } };
  return {
    graph,
    decisions,
    run: async (given: object = {}): Promise<SeenGraph> =>
      seen(await graph.invoke({ messages: [{ role: "user", content: "go" }] }, { ...config, ...given })),
    resume: async (answer: unknown): Promise<SeenGraph> =>
      seen(await graph.invoke(new Command({ resume: answer }), config)),
  };
}

function seen(state: typeof MessagesAnnotation.State): SeenGraph {
  const interrupts = isInterrupted<ApprovalRequests>(state) ? state[INTERRUPT] : [];
  return {
    toolMessages: state.messages.filter((one) => ToolMessage.isInstance(one)),
    text: state.messages.at(-1)?.text ?? "",
    waiting: interrupts.flatMap(({ value }) => (value === undefined ? [] : [value.requests])),
  };
}
