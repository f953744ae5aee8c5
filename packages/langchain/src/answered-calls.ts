import { AIMessage, ToolMessage, type BaseMessage, type ToolCall } from "@langchain/core/messages";

import { toolError } from "./enforce.ts";

/** What the model reads in place of a result that will never come. */
const ABANDONED = "This call did not run: the conversation went on before it was allowed.";

/**
 * A history in which every tool call has an answer. A run that waits for a human may be given up for a new message; the
 * call that waited then stays without an answer, and providers refuse such a prompt.
 * @param messages What a model is to be asked; not changed.
 * @returns The very same list where nothing is missing.
 */
export function withAnsweredCalls(messages: BaseMessage[]): BaseMessage[] {
  const answered = new Set(
    messages.flatMap((one) => (ToolMessage.isInstance(one) ? [one.tool_call_id] : [])),
  );
  const isMissing = (one: BaseMessage): boolean => AIMessage.isInstance(one) && hasUnanswered(one, answered);
  if (!messages.some(isMissing)) return messages;
  const complete: BaseMessage[] = [];
  let missing: ToolMessage[] = [];
  for (const message of messages) {
    // After the answers that are there: together they follow the message that called.
    if (!ToolMessage.isInstance(message)) complete.push(...missing.splice(0));
    complete.push(message);
    if (AIMessage.isInstance(message)) missing = unanswered(message, answered);
  }
  return [...complete, ...missing];
}

function unanswered({ tool_calls: calls = [] }: AIMessage, answered: ReadonlySet<string>): ToolMessage[] {
  return calls.filter((call) => isUnanswered(call, answered)).map((call) => toolError(ABANDONED, call));
}

function hasUnanswered({ tool_calls: calls = [] }: AIMessage, answered: ReadonlySet<string>): boolean {
  return calls.some((call) => isUnanswered(call, answered));
}

function isUnanswered({ id }: ToolCall, answered: ReadonlySet<string>): boolean {
  return id !== undefined && id !== "" && !answered.has(id);
}
