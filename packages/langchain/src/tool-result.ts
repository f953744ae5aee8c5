import type { ResultCodec } from "@agentplane/core";
import type { ToolMessage } from "@langchain/core/messages";
import { isCommand, type Command } from "@langchain/langgraph";

import { readResult, writeResult } from "./result-content.ts";

/** What a tool gives to an agent. */
export type ToolResult = ToolMessage | Command;

/** Redaction reaches the message's content, artifact and metadata, and everything a Command writes into the state. */
export const TOOL_RESULT: ResultCodec<ToolResult> = {
  read: (result) => readResult(isCommand(result) ? result.update : result),
  write(result, content) {
    if (!isCommand(result)) return writeResult(result, content) as ToolMessage;
    // What is written back has the shape of what was read.
    result.update = writeResult(result.update, content) as NonNullable<Command["update"]>;
    return result;
  },
};
