/** Where a text came from: the same words mean different things in a prompt and in a tool's result. */
export type ScanChannel = "user" | "tool_result" | "tool_description" | "tool_input" | "model_output";
