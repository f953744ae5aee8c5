import type { ToolCallHandler, ToolCallRequest } from "langchain";

import { forgetPause, throwNoted } from "../approval/noted-pauses.ts";
import { toolContext } from "../call/context.ts";
import { toolRefusal } from "../call/enforce.ts";
import {
  leaveBy,
  resultIn,
  TOOL_RESULT,
  type LeftByCommand,
  type ToolResult,
} from "../content/tool-result.ts";
import { governedToolCall, type ToolGate } from "./tool-gate.ts";

/**
 * Lets all other middleware make a tool call, and judges what that gives where it is not what the plane has judged: made
 * without running the tool through us, it is judged as the call's; changed afterwards, it is judged again.
 */
export async function judgedResult(
  gate: ToolGate,
  request: ToolCallRequest,
  handler: ToolCallHandler,
): Promise<ToolResult> {
  const { plane, identity, results } = gate;
  const { runtime, toolCall } = request;
  const result = await resultBehind(gate, request, handler);
  if (!results.wasPut(runtime)) return governedToolCall(gate, request, async () => leaveBy(result));
  if (results.isGiven(runtime, () => TOOL_RESULT.read(result))) return leaveBy(result);
  const call = results.admissionOf(runtime) ?? toolContext(identity, request, toolCall.args);
  const judged = await plane.guard.judgeAgain(call, { result, codec: TOOL_RESULT });
  return judged.status === "ran" ? leaveBy(judged.result) : toolRefusal(judged, toolCall);
}

/** What all other middleware gives. */
async function resultBehind(
  { plane }: ToolGate,
  request: ToolCallRequest,
  handler: ToolCallHandler,
): Promise<ToolResult | LeftByCommand> {
  const { runtime } = request;
  forgetPause(plane, runtime);
  let result: ToolResult | LeftByCommand;
  try {
    result = await handler(request);
  } catch (error) {
    throwNoted(plane, runtime);
    return resultIn(error);
  }
  throwNoted(plane, runtime);
  return result;
}
