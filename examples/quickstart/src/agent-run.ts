import type { DecisionRecord, OutcomeRecord } from "@agentplane/core";
import { govern, type ApprovalAnswer, type ApprovalRequest } from "@agentplane/langchain";
import { BaseMessage, ToolMessage } from "@langchain/core/messages";
import { Command, INTERRUPT, isInterrupted, MemorySaver } from "@langchain/langgraph";
import { createAgent } from "langchain";

import { askPerson } from "./ask-person.ts";
import { chooseModel } from "./choose-model.ts";
import { Narrator, type BesideModelCall } from "./narrator.ts";
import type { Turn } from "./scripted-model.ts";
import type { Stage } from "./stage.ts";
import { shopTools } from "./tools.ts";

/** One task for one of the shop's agents. */
export interface Task {
  /** The agent's id, as the policies select it. */
  readonly agent: "support-agent" | "analyst-agent" | "report-agent";
  /** What the user says. */
  readonly prompt: string;
  /** What the scripted model does; a real one follows the prompt. */
  readonly script: readonly Turn[];
  readonly beside?: BesideModelCall;
}

/** What a run came to: everything a step needs to see whether it happened. */
export interface AgentRun {
  /** The agent's last words. */
  readonly text: string;
  /** Results as the model got them, in order. */
  readonly toolResults: readonly ToolMessage[];
  readonly decisions: readonly DecisionRecord[];
  readonly outcomes: readonly OutcomeRecord[];
  /** Model calls that were really made. */
  readonly modelCalls: number;
}

/**
 * Runs a real LangChain agent under the plane: `createAgent` gets its parameters from `govern`, and nothing else knows
 * of the plane.
 */
export async function runAgent(
  stage: Stage,
  { agent: id, prompt, script, beside = () => undefined }: Task,
): Promise<AgentRun> {
  const { plane, shop, timeline } = stage;
  const narrator = new Narrator(timeline, beside);
  const params = govern(
    plane,
    { agent: id, tenant: "shop" },
    {
      model: chooseModel(script, narrator.handler()),
      tools: shopTools(shop),
      systemPrompt: "You work for an online shop. Do exactly what is asked, one tool call at a time.",
      middleware: [narrator.middleware()],
      checkpointer: new MemorySaver(),
    },
  );
  const agent = createAgent(params);
  const config = { configurable: { thread_id: stage.nextThread() }, recursionLimit: 60 };
  const recording = record(stage, id);
  timeline.say("user", prompt);
  let state: unknown = await agent.invoke({ messages: [{ role: "user", content: prompt }] }, config);
  for (let request = requestOf(state); request !== undefined; request = requestOf(state)) {
    // oxlint-disable-next-line no-await-in-loop -- each answer leads to the next question
    const answer: ApprovalAnswer = await askPerson(request, timeline);
    // oxlint-disable-next-line no-await-in-loop
    state = await agent.invoke(new Command({ resume: answer }), config);
  }
  recording.stop();
  const messages = messagesOf(state);
  const text = messages.at(-1)?.text ?? "";
  timeline.say("agent", text);
  const { decisions, outcomes } = recording;
  return {
    text,
    toolResults: messages.filter(ToolMessage.isInstance),
    decisions,
    outcomes,
    modelCalls: narrator.modelCalls,
  };
}

interface Recording {
  readonly decisions: DecisionRecord[];
  readonly outcomes: OutcomeRecord[];
  stop(): void;
}

function record({ plane }: Stage, agent: string): Recording {
  const decisions: DecisionRecord[] = [];
  const outcomes: OutcomeRecord[] = [];
  const stops = [
    plane.on("decision", (one) => void (one.identity.agent === agent && decisions.push(one))),
    plane.on("outcome", (one) => void (one.identity.agent === agent && outcomes.push(one))),
  ];
  return { decisions, outcomes, stop: () => stops.forEach((stop) => stop()) };
}

function messagesOf(state: unknown): readonly BaseMessage[] {
  const messages =
    typeof state === "object" && state !== null && "messages" in state ? state.messages : undefined;
  return Array.isArray(messages) ? messages.filter((message) => BaseMessage.isInstance(message)) : [];
}

/** The approval that a paused run waits for; the only interrupts of this graph are those of the adapter. */
function requestOf(state: unknown): ApprovalRequest | undefined {
  return isInterrupted<ApprovalRequest>(state) ? state[INTERRUPT][0]?.value : undefined;
}
