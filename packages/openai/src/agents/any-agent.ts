import type { Agent, ComputerTool, FunctionTool, Handoff, Tool } from "@openai/agents";

// The SDK's own signatures name an agent, a tool or a handoff of any kind with `any`: its type parameters are invariant,
// so `unknown` fits none of them.
/* oxlint-disable typescript/no-explicit-any */

/** An agent of any context and output. */
export type AnyAgent = Agent<any, any>;
/** A handoff to any agent. */
export type AnyHandoff = Handoff<any, any>;
/** A tool of any context. */
export type AnyTool = Tool<any>;
/** A function tool of any context, input and result. */
export type AnyFunctionTool = FunctionTool<any, any, any>;
/** A tool for any computer. */
export type AnyComputerTool = ComputerTool<any, any>;
