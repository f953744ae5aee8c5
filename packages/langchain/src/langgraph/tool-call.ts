import type { Admission, Denied, GuardInit } from "@agentplane/core";
import type { Callbacks } from "@langchain/core/callbacks/manager";
import type { ToolCall } from "@langchain/core/messages";
import { isCommand, isGraphBubbleUp } from "@langchain/langgraph";
import { ToolMessage } from "@langchain/core/messages";

import { askByInterrupt } from "../approval/approval-interrupt.ts";
import { toolCallId } from "../call/context.ts";
import { joined } from "../observed/cut-signal.ts";
import { toolRefusal } from "../call/enforce.ts";
import type { OwnCall } from "../observed/governed-callbacks.ts";
import { isHeldBack } from "../shown/held-back.ts";
import { identityOf } from "../call/identity.ts";
import { observeTool } from "../observed/observed-call.ts";
import { readResult, writeResult } from "../content/result-content.ts";
import type { GovernedPlane } from "../call/plane.ts";
import { toldAtEnd, type Observing } from "../observed/told-at-end.ts";
import { asResult, leaveBy, LeftByCommand, TOOL_RESULT, type ToolResult } from "../content/tool-result.ts";
import { noteWaiting } from "../approval/waiting-calls.ts";
import { runFactsOf } from "./run-facts.ts";
import type { GateSettings } from "../call/settings.ts";
import { taskCallsOf } from "./task-calls.ts";

/** One call of a tool, as it would be made. */
export interface CalledTool {
  readonly name: string;
  readonly input: unknown;
  /** The model's call, where there is one. */
  readonly toolCall: ToolCall | undefined;
  /** What the node was given that makes the call. */
  readonly messages: unknown;
  /** The configuration of the call. */
  readonly config: object;
  /** The tool whose start handlers are told of next; absent where they have been told. */
  readonly tool?: OwnCall["tool"] | undefined;
}

/** How the call is made. */
export type RunTool = (input: unknown, config: object) => unknown;

/**
 * Puts a tool call to the plane at the moment it would run, and asks a human as often as the plane finds that one is
 * needed.
 * @param run Runs the tool with the arguments that were decided, and a configuration that cuts and is told the end.
 * @returns The judged result, or for the call of a model the error that it can react to.
 * @throws PolicyError for a call that no model made; GraphInterrupt while a human is awaited.
 */
export async function governedToolCall(
  settings: GateSettings,
  called: CalledTool,
  run: RunTool,
): Promise<unknown> {
  const { plane } = settings;
  const facts = runFactsOf(called.config);
  const place = called.toolCall?.id === undefined ? taskCallsOf(plane).start(facts) : undefined;
  const context = toolContext(settings, called, place?.callId);
  let hasRun = false;
  try {
    for (;;) {
      // oxlint-disable-next-line no-await-in-loop -- each turn follows from a human's answer to the one before
      const outcome = await admittedCall(settings, { called, context }, async (input, config) => {
        const result = await run(input, config);
        hasRun = true;
        return result;
      });
      if (outcome.status === "ran") return leaveBy(outcome.result);
      if (outcome.status === "blocked") return refused(outcome, called);
      // oxlint-disable-next-line no-await-in-loop
      const asked = await askByInterrupt(plane, outcome, called.toolCall?.id);
      if (!asked.isAnswered) return refused({ ...outcome, message: asked.message }, called);
    }
  } catch (error) {
    if (called.toolCall !== undefined)
      await noteWaiting(
        { ...settings, run: facts, toolCall: called.toolCall, messages: called.messages },
        error,
      );
    throw error;
  } finally {
    place?.end(hasRun);
  }
}

/** Admits the call, runs it and judges what it gave, once. */
export function admittedCall(
  { plane }: GateSettings,
  { called, context }: { readonly called: CalledTool; readonly context: GuardInit },
  run: RunTool,
): ReturnType<typeof toldAtEnd<unknown>> {
  return toldAtEnd<unknown>(
    (observing) =>
      plane.guard.toolCall<unknown>({
        context,
        async run(admission) {
          const { config, release } = admittedConfig(plane, { called, admission, observing });
          try {
            return await asResult(() => run(admission.input, config));
          } finally {
            release();
          }
        },
        result: RESULT,
        isError: (result) => ToolMessage.isInstance(result) && result.status === "error",
        isControlFlow: isGraphBubbleUp,
      }),
    (denied) => (called.toolCall === undefined ? denied.message : toolRefusal(denied, called.toolCall)),
  );
}

/**
 * What a tool call is, in the plane's words.
 * @param placeId Names a call that has no id of its own.
 */
export function toolContext(
  { identity }: GateSettings,
  { name, input, toolCall, config, messages }: CalledTool,
  placeId?: string,
): GuardInit {
  const facts = runFactsOf(config);
  const callId = toolCallId(toolCall?.id, facts, messages) ?? placeId;
  const called = toolCall?.name;
  return {
    hookpoint: "before_tool_call",
    ...identityOf(identity, facts),
    ...(callId !== undefined && { callId }),
    // LangGraph runs the tool, so it is what is allowed or not; the name the call goes by can only deny.
    tool: { name, input, ...(called !== undefined && called !== name && { originalName: called }) },
  };
}

interface AdmittedTool {
  readonly called: CalledTool;
  readonly admission: Admission;
  readonly observing: Observing;
}

function admittedConfig(
  plane: GovernedPlane,
  { called, admission, observing }: AdmittedTool,
): { readonly config: object; readonly release: () => void } {
  const { tool, toolCall, config } = called;
  // Members of every configuration of LangChain.
  const own = config as {
    readonly signal?: AbortSignal;
    readonly callbacks?: Callbacks;
    readonly runName?: string;
  };
  const call = tool && { tool, id: toolCall?.id, input: admission.input, runName: own.runName };
  const isHeld = (): boolean => isHeldBack(plane, admission);
  const callbacks = observing(observeTool(own.callbacks, { call, isHeldBack: isHeld }));
  const { signal, release } = joined(own.signal, admission.signal);
  return { config: { ...config, ...(callbacks !== undefined && { callbacks }), signal }, release };
}

/** A tool that no model calls gives whatever it gives. */
export const RESULT = {
  read: (result: unknown) => (isToolResult(result) ? TOOL_RESULT.read(result) : readResult(result)),
  write: (result: unknown, content: unknown) =>
    isToolResult(result) ? TOOL_RESULT.write(result, content) : writeResult(result, content),
};

function isToolResult(result: unknown): result is ToolResult | LeftByCommand {
  return ToolMessage.isInstance(result) || isCommand(result) || result instanceof LeftByCommand;
}

function refused(denied: Denied, { toolCall }: CalledTool): ToolMessage {
  if (toolCall === undefined) throw denied.error;
  return toolRefusal(denied, toolCall);
}
