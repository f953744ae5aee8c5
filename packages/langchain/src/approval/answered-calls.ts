import { AIMessage, ToolMessage, type BaseMessage, type ToolCall } from "@langchain/core/messages";

import { toolError } from "../call/enforce.ts";

/** What the model reads in place of a result that will never come. */
const ABANDONED = "This call did not run: the conversation went on before it was allowed.";
/** Where other calls of its turn may have run beside the one that waited: LangGraph drops what they gave. */
const ABANDONED_TURN =
  "There is no result: the conversation went on while a call of this turn waited to be allowed. That one did not run; " +
  "others may have.";

/**
 * A history in which every turn that waited for the plane has answers. A run that waits for a human may be given up for a
 * new message; the turn that waited then stays without an answer, and providers refuse such a prompt. A turn that
 * something else left so, or with some answer, stays as it is: a plane that allows everything changes nothing.
 * @param messages What a model is to be asked; not changed.
 * @param isWaiting Whether a call waits, or waited, because of the plane; it is made by the last of the messages.
 * @returns The very same list, at once, where no turn is without an answer.
 */
export function withAnsweredCalls(
  messages: BaseMessage[],
  isWaiting: (call: ToolCall, upToTurn: BaseMessage[]) => Promise<boolean>,
): BaseMessage[] | Promise<BaseMessage[]> {
  const answered = new Set(
    messages.flatMap((one) => (ToolMessage.isInstance(one) ? [one.tool_call_id] : [])),
  );
  const open = messages.filter((one) => isUnanswered(one, answered));
  return open.length === 0 ? messages : answeredWhere(messages, open, isWaiting);
}

async function answeredWhere(
  messages: BaseMessage[],
  open: readonly AIMessage[],
  isWaiting: (call: ToolCall, upToTurn: BaseMessage[]) => Promise<boolean>,
): Promise<BaseMessage[]> {
  const abandoned = new Set<BaseMessage>();
  for (const turn of open) {
    const upToTurn = messages.slice(0, messages.indexOf(turn) + 1);
    for (const call of turn.tool_calls ?? []) {
      // oxlint-disable-next-line no-await-in-loop -- one call that waits is enough for its turn
      if (!(await isWaiting(call, upToTurn))) continue;
      abandoned.add(turn);
      break;
    }
  }
  if (abandoned.size === 0) return messages;
  return messages.flatMap((one) => (abandoned.has(one) ? [one, ...answersFor(one)] : [one]));
}

function isUnanswered(message: BaseMessage, answered: ReadonlySet<string>): message is AIMessage {
  const calls = callsOf(message);
  return calls.length > 0 && calls.every(({ id }) => id !== undefined && id !== "" && !answered.has(id));
}

function answersFor(turn: BaseMessage): ToolMessage[] {
  const calls = callsOf(turn);
  return calls.map((call) => toolError(calls.length === 1 ? ABANDONED : ABANDONED_TURN, call));
}

function callsOf(message: BaseMessage): readonly ToolCall[] {
  return AIMessage.isInstance(message) ? (message.tool_calls ?? []) : [];
}
