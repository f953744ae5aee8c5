import { AgentplaneError } from "@agentplane/core";
import type { BaseMessage, SystemMessage } from "@langchain/core/messages";
import type { ModelRequest } from "langchain";

import { copyMessage, writeContent } from "./message-content.ts";

/** The messages as the provider gets them: the system message first, if there is one. */
export function promptOf({ systemMessage, messages }: ModelRequest): ModelRequest["messages"] {
  return hasSystemMessage({ systemMessage }) ? [systemMessage, ...messages] : messages;
}

/**
 * The request with the prompt as the plane changed it; the history keeps the original.
 * @param content What was read of the prompt, changed.
 * @throws AgentplaneError `usage_invalid` when it is not one content for each message.
 */
export function withPrompt(request: ModelRequest, content: unknown): ModelRequest {
  const changed = changedPrompt(promptOf(request), content);
  if (!hasSystemMessage(request)) return { ...request, messages: changed };
  const [systemMessage, ...messages] = changed;
  // The first message of the prompt was the request's system message, and a copy keeps the class.
  return { ...request, systemMessage: systemMessage as SystemMessage, messages };
}

/**
 * Copies of the messages with the content as the plane changed it.
 * @param content What was read of the messages, changed.
 * @throws AgentplaneError `usage_invalid` when it is not one content for each message.
 */
export function changedPrompt(prompt: readonly BaseMessage[], content: unknown): BaseMessage[] {
  if (!Array.isArray(content) || content.length !== prompt.length) {
    throw new AgentplaneError(
      "usage_invalid",
      "a policy or hook may change the messages of a prompt, not their number",
    );
  }
  return prompt.map((message, position): BaseMessage => {
    const copy = copyMessage(message);
    writeContent(copy, content[position]);
    return copy;
  });
}

/** createAgent always passes a system message, and sends it only when it says something. */
function hasSystemMessage({ systemMessage }: Pick<ModelRequest, "systemMessage">): boolean {
  const { content } = systemMessage;
  return typeof content === "string" ? content !== "" : systemMessage.text !== "";
}
