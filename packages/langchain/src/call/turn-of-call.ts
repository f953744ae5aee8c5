import { AIMessage, BaseMessage } from "@langchain/core/messages";

/**
 * Names the message that makes a call: some models number their calls anew in each answer, and an id alone would be that of
 * another call. A checkpoint keeps a message's id; one that has none goes by its place.
 * @param messages What the call's node was given; the last that makes a call of this id is meant.
 * @returns undefined where no message makes it: it was changed on its way, or an application made it.
 */
export function turnOfCall(messages: unknown, callId: string): string | undefined {
  if (!Array.isArray(messages)) return undefined;
  const at = messages.findLastIndex((one) => makesCall(one, callId));
  const turn: unknown = messages[at];
  if (!BaseMessage.isInstance(turn)) return undefined;
  return turn.id === undefined || turn.id === "" ? `#${at}` : turn.id;
}

function makesCall(message: unknown, callId: string): boolean {
  return AIMessage.isInstance(message) && (message.tool_calls ?? []).some(({ id }) => id === callId);
}

/** The messages of a state, or a state that is nothing but messages. */
export function messagesOf(state: unknown): unknown {
  return typeof state === "object" && state !== null && "messages" in state ? state.messages : state;
}
