import type { ToolCall } from "@langchain/core/messages";

/** Whether a value is what LangChain itself takes for a model's call of a tool, where a tool is given one as its input. */
export function isToolCall(value: unknown): value is ToolCall {
  if (typeof value !== "object" || value === null || !("type" in value)) return false;
  return value.type === "tool_call" && "args" in value && "name" in value && typeof value.name === "string";
}
