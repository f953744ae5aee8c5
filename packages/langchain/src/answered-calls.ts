import { AIMessage, ToolMessage, type BaseMessage } from "@langchain/core/messages";

import { toolError } from "./enforce.ts";

/** What the model reads in place of a result that will never come. */
const ABANDONED = "This call did not run: the conversation went on before it was allowed.";
/** Where other calls of its turn may have run beside the one that waited: LangGraph drops what they gave. */
const ABANDONED_TURN =
  "There is no result: the conversation went on while a call of this turn waited to be allowed. That one did not run; " +
  "others may have.";

/**
 * A history in which every turn of tool calls has answers. A run that waits for a human may be given up for a new message;
 * the turn that waited then stays without an answer, and providers refuse such a prompt. A turn with some answer is
 * somebody else's doing, and stays as it is.
 * @param messages What a model is to be asked; not changed.
 * @returns The very same list where nothing is missing.
 */
export function withAnsweredCalls(messages: BaseMessage[]): BaseMessage[] {
  const answered = new Set(
    messages.flatMap((one) => (ToolMessage.isInstance(one) ? [one.tool_call_id] : [])),
  );
  if (!messages.some((one) => isAbandoned(one, answered))) return messages;
  return messages.flatMap((one) => (isAbandoned(one, answered) ? [one, ...answersFor(one)] : [one]));
}

function isAbandoned(message: BaseMessage, answered: ReadonlySet<string>): message is AIMessage {
  if (!AIMessage.isInstance(message)) return false;
  const { tool_calls: calls = [] } = message;
  return calls.length > 0 && calls.every(({ id }) => id !== undefined && id !== "" && !answered.has(id));
}

function answersFor({ tool_calls: calls = [] }: AIMessage): ToolMessage[] {
  return calls.map((call) => toolError(calls.length === 1 ? ABANDONED : ABANDONED_TURN, call));
}
