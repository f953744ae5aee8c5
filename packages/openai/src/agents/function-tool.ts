import type { Admission } from "@agentplane/core";
import type { RunContext } from "@openai/agents";

import { parseJson } from "../protocol/json.ts";
import type { AnyFunctionTool } from "./any-agent.ts";
import { describeCall, needsHuman, runGoverned, type LocalCall, type ToolGovernor } from "./local-call.ts";
import type { ToolOrigin } from "./mcp-tools.ts";
import { NestedPause, runNested } from "./nested-run.ts";
import { noteBegun } from "./own-questions.ts";
import { outsideRun } from "./running-context.ts";
import { idsOf } from "./turns.ts";

type Admitted = Pick<Admission, "input" | "isInputChanged" | "signal">;

/**
 * A function tool, of MCP servers and of nested agents too, under a plane: decided when the SDK asks for an approval, and
 * again at the moment it runs. What is refused is the tool's output, so that the model can react to it.
 * @param origin Of a tool of an MCP server.
 */
export function governFunctionTool(
  tool: AnyFunctionTool,
  governor: ToolGovernor,
  origin?: ToolOrigin,
): AnyFunctionTool {
  const named = { name: tool.name, ...origin };
  const callOf = (context: RunContext, input: unknown, callId: string | undefined): LocalCall => ({
    tool: named,
    input,
    ...idsOf(callId),
    context,
    own: () => tool.needsApproval(context, input, callId),
  });
  const isAgent = "on" in tool;
  const invoke: AnyFunctionTool["invoke"] = async (context, text, details) => {
    const asked = callOf(context, parseJson(text) ?? text, details?.toolCall?.callId);
    const call = details?.resumeState === undefined ? asked : { ...asked, isGoingOn: true };
    const run = async (admitted: Admitted): Promise<unknown> => {
      const told = details && joinSignal(details, admitted);
      // Looked at where it was changed alone: each look makes a copy.
      const asAdmitted = admitted.isInputChanged ? JSON.stringify(admitted.input) : text;
      const work = (): Promise<unknown> => outsideRun(() => tool.invoke(context, asAdmitted, told));
      return failedWhereWorded(await (isAgent ? runNested(work) : work()));
    };
    try {
      const governed = await runGoverned(governor, call, run);
      // The API has no mark for an output that is an error; the word is the only one there is.
      return governed.isRun ? governed.result : `Error: ${governed.message}`;
    } catch (error) {
      if (error instanceof NestedPause) {
        await noteBegun(governor.plane, describeCall(governor, call));
        // What the SDK gives for an agent that waits.
        return "";
      }
      const words = wordsOfFailure(error);
      if (words !== undefined) return words;
      throw error;
    }
  };
  const needsApproval: AnyFunctionTool["needsApproval"] = (context, input, callId) =>
    needsHuman(governor, callOf(context, input, callId));
  return { ...tool, invoke, needsApproval };
}

/** What the SDK makes of a tool that throws, unless the tool says otherwise: a text, which is then its output. */
const WORDED_ERROR = "An error occurred while running the tool.";
const WORDED = "ToolFailure";

/**
 * For the plane a call that failed is one that failed, however the SDK words it; the model reads the same words.
 * @throws Error with the words
 */
export function failedWhereWorded(output: unknown): unknown {
  if (typeof output !== "string" || !output.startsWith(WORDED_ERROR)) return output;
  throw Object.assign(new Error(output), { name: WORDED });
}

/** The words of the SDK for a tool that failed, if that is what was thrown. */
export function wordsOfFailure(error: unknown): string | undefined {
  return error instanceof Error && error.name === WORDED ? error.message : undefined;
}

/**
 * Gives a call's details a signal that the plane's cut fires too. What the SDK hangs on them hangs on the very object, and
 * it makes one for each call: they are told, not replaced. The signal is made when it is asked for: most tools never do.
 * @param admitted The call, which the plane may cut.
 * @returns The same details; of those that an application froze a copy, on which nothing can hang.
 */
function joinSignal<D extends { readonly signal?: AbortSignal }>(details: D, admitted: Admitted): D {
  const { signal: own } = details;
  let joined: AbortSignal | undefined;
  const get = (): AbortSignal =>
    (joined ??= AbortSignal.any([own, admitted.signal].filter((one) => one instanceof AbortSignal)));
  const signal = { get, enumerable: true, configurable: true };
  if (Reflect.defineProperty(details, "signal", signal)) return details;
  return Object.defineProperty({ ...details }, "signal", signal);
}
