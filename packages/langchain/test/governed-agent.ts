import {
  createAgentPlane,
  type AgentPlane,
  type DecisionRecord,
  type PlaneOptions,
  type Policy,
} from "@agentplane/core";
import { createScanner } from "@agentplane/safety";
import { BaseMessage, ToolMessage } from "@langchain/core/messages";
import type { ClientTool } from "@langchain/core/tools";
import { Command, INTERRUPT, isInterrupted } from "@langchain/langgraph";
import { MemorySaver } from "@langchain/langgraph-checkpoint";
import { createAgent, tool, type AnyAgentMiddleware } from "langchain";
import * as z from "zod";

import { govern, type ApprovalRequest, type GovernedIdentity } from "../src/index.ts";
import type { ScriptedChatModel } from "./scripted-chat-model.ts";

/** A plane with these policies, in memory. */
export function planeOf(policies: readonly Policy[] = [], options: PlaneOptions = {}): AgentPlane {
  return createAgentPlane({ scanner: createScanner(), policies, ...options });
}

/** A tool that gives a text and counts how often it ran, with what. */
export function countingTool(name: string, work: (args: Record<string, unknown>) => unknown = () => "ok") {
  const runs: Record<string, unknown>[] = [];
  const made = tool(
    (args: Record<string, unknown>) => {
      runs.push(args);
      return work(args);
    },
    { name, description: `Does ${name}.`, schema: z.looseObject({}) },
  );
  return { tool: made, runs };
}

/** What an agent is made of in a test. */
export interface AgentParts {
  readonly plane: AgentPlane;
  readonly model: ScriptedChatModel;
  readonly tools?: readonly ClientTool[];
  readonly middleware?: readonly AnyAgentMiddleware[];
  readonly identity?: GovernedIdentity;
  readonly hasCheckpointer?: boolean;
}

/** A governed createAgent with one thread, and what a test asks of its runs. */
export function governedAgent({
  plane,
  model,
  tools = [],
  middleware = [],
  identity = { agent: "a" },
  hasCheckpointer = false,
}: AgentParts) {
  const decisions: DecisionRecord[] = [];
  // Of calls; that the run itself may begin comes before them.
  plane.on("decision", (record) => {
    const { hookpoint, effect } = record.decision;
    if (hookpoint !== "before_agent" || effect !== "allow") decisions.push(record);
  });
  const agent = createAgent(
    govern(plane, identity, {
      model,
      tools: [...tools],
      middleware,
      ...(hasCheckpointer && { checkpointer: new MemorySaver() }),
    }),
  );
  const config = { configurable: { thread_id: "t1" } };
  const run = async (text = "go", context?: Record<string, unknown>): Promise<Seen> =>
    seen(
      await agent.invoke(
        { messages: [{ role: "user", content: text }] },
        { ...config, ...(context && { context }) },
      ),
    );
  const resume = async (answer: unknown): Promise<Seen> =>
    seen(await agent.invoke(new Command({ resume: answer }), config));
  return { agent, decisions, run, resume };
}

/** The visible end of a run. */
export interface Seen {
  readonly messages: readonly BaseMessage[];
  readonly toolMessages: readonly ToolMessage[];
  readonly last: BaseMessage;
  readonly waiting: readonly ApprovalRequest[];
}

function seen(state: object): Seen {
  const messages =
    "messages" in state && Array.isArray(state.messages)
      ? state.messages.filter((one) => BaseMessage.isInstance(one))
      : [];
  const interrupts = isInterrupted<ApprovalRequest>(state) ? state[INTERRUPT] : [];
  const last = messages.at(-1);
  if (last === undefined) throw new Error("the run ended without a message");
  return {
    messages,
    toolMessages: messages.filter((one) => ToolMessage.isInstance(one)),
    last,
    waiting: interrupts.flatMap(({ value }) => (value === undefined ? [] : [value])),
  };
}
