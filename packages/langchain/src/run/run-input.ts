import { AIMessage, ToolMessage, type BaseMessage } from "@langchain/core/messages";

import { changedPrompt } from "../content/prompt.ts";

/**
 * What a run was given: the last messages that are no turn of the agent. They are the same at its first step and at
 * every later one, so a run that goes on after a pause is found again.
 */
export function inputOfRun(messages: readonly BaseMessage[]): readonly BaseMessage[] {
  const last = messages.findLastIndex((one) => !isTurn(one));
  const before = messages.slice(0, last + 1).findLastIndex(isTurn);
  return messages.slice(before + 1, last + 1);
}

function isTurn(message: BaseMessage): boolean {
  return AIMessage.isInstance(message) || ToolMessage.isInstance(message);
}

/** Puts what rules made of a run's input in the place of what was said, in every prompt of the run. */
export type RunRewrite = (messages: readonly BaseMessage[]) => readonly BaseMessage[];

/** Nothing was rewritten. */
export const AS_IT_CAME: RunRewrite = (messages) => messages;

/**
 * @param given The run's input.
 * @param content What was read of it, changed.
 * @throws AgentplaneError `usage_invalid` when it is not one content for each message.
 */
export function rewriteOf(given: readonly BaseMessage[], content: unknown): RunRewrite {
  const copies = changedPrompt(given, content);
  const standIn = (message: BaseMessage): BaseMessage => {
    const at = given.findIndex((one) => one === message || isSame(one, message));
    return copies[at] ?? message;
  };
  return (messages) => messages.map(standIn);
}

/** A message that went through a checkpoint is another object; one that was edited meanwhile says something else. */
function isSame(one: BaseMessage, other: BaseMessage): boolean {
  return one.id !== undefined && one.id === other.id && contentText(one) === contentText(other);
}

function contentText({ content, additional_kwargs: extra }: BaseMessage): string {
  return JSON.stringify([content, extra]);
}
