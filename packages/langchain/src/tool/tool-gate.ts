import { AgentplaneError, type Admission } from "@agentplane/core";
import { ToolMessage } from "@langchain/core/messages";
import type { StructuredToolInterface } from "@langchain/core/tools";
import { isGraphBubbleUp } from "@langchain/langgraph";
import { ToolInvocationError, type ToolCallHandler, type ToolCallRequest } from "langchain";

import { askByInterrupt } from "../approval/approval-interrupt.ts";
import { notePause, throwNoted } from "../approval/noted-pauses.ts";
import { toolContext } from "../call/context.ts";
import type { JudgedCalls } from "../call/judged-calls.ts";
import { cuttable } from "../observed/cut-signal.ts";
import { toolError, toolRefusal } from "../call/enforce.ts";
import { isHeldBack } from "../shown/held-back.ts";
import type { GovernedIdentity } from "../call/identity.ts";
import { judgedBy } from "../nested/metered.ts";
import type { NestedCallHandler } from "../nested/nested-calls.ts";
import { noteToolNames } from "../nested/tool-names.ts";
import { observeTool } from "../observed/observed-call.ts";
import { toldAtEnd, type Observing } from "../observed/told-at-end.ts";
import type { GovernedPlane } from "../call/plane.ts";
import {
  leaveBy,
  resultIn,
  TOOL_RESULT,
  type LeftByCommand,
  type ToolResult,
} from "../content/tool-result.ts";

/** How tool calls are intercepted. */
export interface ToolGate {
  readonly plane: GovernedPlane;
  readonly identity: GovernedIdentity;
  /** Makes what governs the calls inside one run of a tool. */
  readonly nested: () => NestedCallHandler;
  /**
   * What becomes of an exception of a tool. createAgent words it for the model, unless a middleware wraps tool calls:
   * then it throws. Ours must not change which of the two happens.
   */
  readonly toolErrors: "message" | "throw";
  /** By LangChain's runtime of each call. */
  readonly results: JudgedCalls;
}

/**
 * Puts a tool call to the plane at the moment it would run: also one that was hidden, invented, added while running or
 * edited by another middleware, each time it is tried.
 */
export async function governedToolCall(
  settings: ToolGate,
  request: ToolCallRequest,
  handler: ToolCallHandler,
): Promise<ToolResult> {
  const { toolCall, runtime } = request;
  const { plane, results } = settings;
  results.put(runtime);
  const failure: Failure = { thrown: undefined };
  try {
    throwNoted(plane, runtime);
    const result = await decidedCall(settings, request, { handler, failure });
    return leaveBy(given(settings, request, result));
  } catch (error) {
    notePause(plane, runtime, error);
    if (isGraphBubbleUp(error)) throw error;
    // What has no usable name is no call that could be decided: the model may correct itself.
    if (failure.thrown === undefined && isMisnamed(error))
      return given(settings, request, toolError(error.message, toolCall));
    return given(settings, request, failedCall(settings, request, { error, thrown: failure.thrown }));
  }
}

function given<R extends ToolResult | LeftByCommand>(
  { results }: ToolGate,
  { runtime }: ToolCallRequest,
  result: R,
): R {
  results.give(runtime, () => TOOL_RESULT.read(result));
  return result;
}

/** Decides, runs, and asks a human as often as the plane finds that one is needed. */
async function decidedCall(
  { plane, identity, nested, results }: ToolGate,
  request: ToolCallRequest,
  { handler, failure }: { readonly handler: ToolCallHandler; readonly failure: Failure },
): Promise<ToolResult | LeftByCommand> {
  const { toolCall } = request;
  for (;;) {
    // oxlint-disable-next-line no-await-in-loop -- each turn follows from a human's answer to the one before
    const outcome = await toldAtEnd(
      (observing) =>
        plane.guard.toolCall<ToolResult | LeftByCommand>({
          context: toolContext(identity, request, toolCall.args),
          async run(admission) {
            results.admit(request.runtime, admission);
            const admitted = admittedRequest(request, admission, { plane, observing, nested });
            try {
              return await handler(admitted);
            } catch (error) {
              failure.thrown = error;
              return resultIn(error);
            }
          },
          result: TOOL_RESULT,
          isError: (result) => ToolMessage.isInstance(result) && result.status === "error",
          isControlFlow: isGraphBubbleUp,
        }),
      (denied) => toolRefusal(denied, toolCall),
    );
    if (outcome.status === "ran") return outcome.result;
    if (outcome.status === "blocked") return toolRefusal(outcome, toolCall);
    // oxlint-disable-next-line no-await-in-loop
    const asked = await askByInterrupt(plane, outcome, toolCall.id);
    if (!asked.isAnswered) return toolRefusal({ ...outcome, message: asked.message }, toolCall);
  }
}

/** The arguments that were decided, not the object they came from, which could have changed; a tool that can be cut. */
function admittedRequest(
  { tool, toolCall, ...rest }: ToolCallRequest,
  admission: Admission,
  { plane, observing, nested }: { readonly observing: Observing } & Pick<ToolGate, "plane" | "nested">,
): ToolCallRequest {
  const { input, signal } = admission;
  const inside = nested();
  // One of another copy of LangChain probably calls others of that.
  if (tool !== undefined) noteToolNames(Object.getPrototypeOf(tool) as object | null);
  return {
    ...rest,
    tool: isStructuredTool(tool)
      ? cuttable(tool, {
          signal,
          inside,
          observe: (callbacks, runName) =>
            observing(
              observeTool(callbacks && judgedBy(callbacks, inside), {
                call: { tool, id: toolCall.id, input, runName },
                inside,
                isHeldBack: () => isHeldBack(plane, admission),
              }),
            ),
        })
      : tool,
    // The input is the record that went in, changed by no more than values.
    toolCall: { ...toolCall, args: input as ToolCallRequest["toolCall"]["args"] },
  };
}

function isStructuredTool(tool: ToolCallRequest["tool"]): tool is StructuredToolInterface {
  return tool !== undefined && "invoke" in tool && typeof tool.invoke === "function" && "name" in tool;
}

/** What the tool threw: Guard may hand on a redacted error in its place. */
interface Failure {
  thrown: unknown;
}

function failedCall(
  { toolErrors }: ToolGate,
  { toolCall }: ToolCallRequest,
  { error, thrown }: { readonly error: unknown; readonly thrown: unknown },
): ToolMessage {
  if (thrown === undefined) throw error;
  // createAgent turns invalid arguments into a message whoever wraps the call; a redacted copy no longer shows it.
  if (ToolInvocationError.isInstance(thrown)) {
    if (toolErrors === "throw" && error === thrown) throw error;
    return toolError(error instanceof Error ? error.message : String(error), toolCall);
  }
  if (toolErrors === "throw") throw error;
  // The words of langchain's defaultHandleToolErrors, which no longer sees this error.
  return toolError(`${String(error)}\n Please fix your mistakes.`, toolCall);
}

function isMisnamed(error: unknown): error is AgentplaneError {
  return error instanceof AgentplaneError && error.code === "context_invalid";
}
