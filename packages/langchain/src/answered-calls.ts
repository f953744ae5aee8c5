import { AIMessage, ToolMessage, type BaseMessage } from "@langchain/core/messages";

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
  const answered = new Set<string>();
  let asked = 0;
  for (const message of messages) {
    if (ToolMessage.isInstance(message)) answered.add(message.tool_call_id);
    else if (AIMessage.isInstance(message)) asked += message.tool_calls?.length ?? 0;
  }
  if (asked <= answered.size) return messages;
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
  return calls
    .filter(({ id }) => id !== undefined && id !== "" && !answered.has(id))
    .map((call) => toolError(ABANDONED, call));
}
