import type { JsonValue } from "../../base/json.ts";
import { assertNever } from "../../base/assert-never.ts";
import type { ContextInit } from "../../context/create-context.ts";
import type { GuardedCall } from "../../enforce/execute.ts";
import type { Guard } from "../../enforce/guard.ts";
import type { PendingCall, RunRequest } from "../adapter-driver.ts";
import type { ScriptCall, ScriptTool } from "../agent-script.ts";
import type { Answered, ReferenceSeams, ToolFacts } from "./seams.ts";
import { Paused } from "./trace.ts";

/** One tool call of the reference agent. */
export interface ToolRequest {
  readonly request: RunRequest;
  readonly seams: ReferenceSeams;
  readonly guard: Guard | undefined;
  readonly identity: Omit<ContextInit, "hookpoint">;
  readonly tools: readonly ScriptTool[];
  readonly call: ScriptCall;
  readonly turn: readonly ScriptCall[];
  readonly offered: readonly string[];
  readonly isNested: boolean;
  readonly isResumed: boolean;
  /** Does what the tool does. */
  readonly work: (tool: ScriptTool, input: unknown, signal: AbortSignal | undefined) => Promise<JsonValue>;
}

/** How a tool call ended, in words for the model. */
export type ToolEnd =
  | { readonly status: "told"; readonly text: string; readonly isError: boolean }
  | { readonly status: "pending"; readonly pending: readonly PendingCall[] };

/** Makes a tool call, tried again when it throws as often as the run asks. */
export async function callTool(from: ToolRequest): Promise<ToolEnd> {
  const { request, seams } = from;
  for (let attempt = 1; ; attempt++) {
    try {
      // oxlint-disable-next-line no-await-in-loop -- attempts follow each other
      return told(await tryTool(from));
    } catch (error) {
      if (error instanceof Paused) return { status: "pending", pending: error.pending };
      if (attempt <= (request.retries ?? 0) && !seams.isStopped(request.signal)) continue;
      return { status: "told", text: error instanceof Error ? error.message : String(error), isError: true };
    }
  }
}

async function tryTool(from: ToolRequest): Promise<Answered<JsonValue>> {
  const { guard, seams, tools, identity } = from;
  const call = seams.named(from.call, tools);
  const execute = async (input: unknown, signal?: AbortSignal): Promise<JsonValue> => {
    const tool = seams.find(call.tool, tools);
    if (tool === undefined) throw new Error(`there is no tool "${call.tool}"`);
    return from.work(tool, input, signal);
  };
  if (guard === undefined) return { status: "ran", result: await execute(call.input, from.request.signal) };
  const init: ContextInit = {
    ...identity,
    hookpoint: "before_tool_call",
    callId: call.id,
    tool: { name: call.tool, input: call.input },
  };
  const guarded: GuardedCall<JsonValue> = {
    context: guard.context(seams.contextOf(init, from)),
    run: ({ input, signal }) => execute(input, joined(signal, from.request.signal)),
    isControlFlow: (error) => error instanceof Paused,
  };
  return seams.toolCall(guard, guarded, factsOf(from, { call, execute }));
}

function factsOf(from: ToolRequest, { call, ...rest }: Pick<ToolFacts, "call" | "execute">): ToolFacts {
  const { request, turn, isResumed, offered } = from;
  return {
    ...rest,
    call,
    turn,
    isResumed,
    retries: request.retries ?? 0,
    isStreaming: request.isStreaming === true,
    isOffered: offered.includes(call.tool),
    signal: request.signal,
  };
}

function told(outcome: Answered<JsonValue>): ToolEnd {
  switch (outcome.status) {
    case "ran": {
      const { result } = outcome;
      return {
        status: "told",
        text: typeof result === "string" ? result : JSON.stringify(result),
        isError: false,
      };
    }
    case "pending":
      return { status: "pending", pending: [{ approvalId: outcome.approvalId }] };
    case "blocked":
      return { status: "told", text: outcome.message, isError: true };
    default:
      return assertNever(outcome, "outcome");
  }
}

/** The tool stops when either side wants it to. */
function joined(admitted: unknown, callers: AbortSignal | undefined): AbortSignal | undefined {
  if (!(admitted instanceof AbortSignal)) return callers;
  return callers === undefined ? admitted : AbortSignal.any([admitted, callers]);
}
