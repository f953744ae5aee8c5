import type { GuardInit } from "@agentplane/core";
import { AIMessage, BaseMessage, ToolMessage, type ToolCall } from "@langchain/core/messages";
import type { Command, LangGraphRunnableConfig } from "@langchain/langgraph";

import { toolError } from "../call/enforce.ts";
import type { CalledTool } from "./tool-call.ts";

/** What a tool node gives for a call. */
export type ToolOutput = ToolMessage | Command;

/** One call of the turn, on its way to its result. */
export interface TurnCall {
  readonly toolCall: ToolCall;
  readonly called: CalledTool;
  readonly context: GuardInit;
  output?: ToolOutput | undefined;
  /** It ran and was interrupted from inside: it goes on, and is not put to the plane as a new question. */
  isBegun?: boolean;
}

/** The calls of one answer of a model. */
export interface Turn {
  readonly calls: readonly TurnCall[];
  readonly config: LangGraphRunnableConfig;
  readonly state: unknown;
}

/** Whether it has no output yet. */
export function isOpen({ output }: TurnCall): boolean {
  return output === undefined;
}

/** In the words of ToolNode. */
export function failureOf(error: unknown, toolCall: ToolCall): ToolMessage {
  const { message } = error instanceof Error ? error : new Error(String(error));
  return toolError(`Error: ${message}\n Please fix your mistakes.`, toolCall);
}

/** LangGraph asks a running graph to stop by an error of this name. */
export function isDrained(error: unknown): boolean {
  return error instanceof Error && error.name === "GraphDrained";
}

/** The calls of the last answer that no message has answered yet, as ToolNode finds them. */
export function openCalls(input: unknown): readonly ToolCall[] {
  const list: unknown =
    typeof input === "object" && input !== null && "messages" in input ? input.messages : input;
  const messages = Array.isArray(list) ? list.filter((one) => BaseMessage.isInstance(one)) : [];
  const answered = new Set(
    messages.flatMap((one) => (ToolMessage.isInstance(one) ? [one.tool_call_id] : [])),
  );
  const last = messages.findLast((one) => AIMessage.isInstance(one));
  return (last?.tool_calls ?? []).filter(({ id }) => id === undefined || !answered.has(id));
}
