import { createMiddleware, type AgentMiddleware } from "langchain";

import { withBareErrors } from "./call/bare-errors.ts";
import { governedModelCall, type ModelGate } from "./model/model-gate.ts";
import { governedToolCall, type ToolGate } from "./tool/tool-gate.ts";

/** How calls are intercepted. */
export interface CallInterception extends ModelGate, ToolGate {
  readonly name: string;
}

/**
 * Puts every call of a model and of a tool to the plane at the moment it would run, with what other middleware made of
 * it, each time it is tried. Belongs last in the list, where it is innermost.
 */
export function callInterception({ name, ...gate }: CallInterception): AgentMiddleware {
  return createMiddleware({
    name,
    wrapModelCall: withBareErrors((request, handler) => governedModelCall(gate, request, handler)),
    wrapToolCall: (request, handler) => governedToolCall(gate, request, handler),
  });
}
