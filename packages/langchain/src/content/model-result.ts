import type { ResultCodec } from "@agentplane/core";
import { AIMessage } from "@langchain/core/messages";
import { isCommand } from "@langchain/langgraph";

import { readContent, writeContent } from "./message-content.ts";
import { readResult, writeResult } from "./result-content.ts";
import { TOOL_RESULT } from "./tool-result.ts";

/**
 * Reads and rewrites what a model call gives: a message, with structured output `{ structuredResponse, messages }`, or a
 * Command of a middleware, whatever the types say.
 */
export const MODEL_RESULT: ResultCodec<AIMessage> = {
  read: (response) => (isCommand(response) ? TOOL_RESULT.read(response) : readResult(response)),
  write(response, content) {
    if (isCommand(response)) {
      // Changed in place.
      TOOL_RESULT.write(response, content);
      return response;
    }
    const written = writeResult(response, content);
    if (isStructured(response) && isStructured(written)) replaceEcho(response, written);
    // What is written back has the shape of what was read.
    return written as AIMessage;
  },
};

interface StructuredResult {
  readonly structuredResponse: unknown;
  readonly messages: readonly unknown[];
}

/** createAgent repeats the response as JSON inside a sentence, where a redaction of fields cannot find it. */
function replaceEcho({ structuredResponse: before }: StructuredResult, after: StructuredResult): void {
  const echo = JSON.stringify(before);
  const replacement = JSON.stringify(after.structuredResponse);
  for (const message of after.messages) {
    if (!AIMessage.isInstance(message) || typeof message.content !== "string") continue;
    const content = message.content.replaceAll(echo, () => replacement);
    writeContent(message, { ...readObject(message), content });
  }
}

function readObject(message: AIMessage): object {
  const content = readContent(message);
  return typeof content === "object" && content !== null ? content : {};
}

function isStructured(value: unknown): value is StructuredResult {
  return (
    typeof value === "object" &&
    value !== null &&
    "structuredResponse" in value &&
    "messages" in value &&
    Array.isArray(value.messages)
  );
}
