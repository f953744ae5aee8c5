import { RunContext } from "@openai/agents";

import { listOf, recordOf, textOf } from "../protocol/json.ts";

/** Hears of an action that is about to run, and of its call's id: the tool itself is told the action alone. */
export type ActionStart = (context: RunContext, action: object, callId: string | undefined) => void;

const starts = new WeakMap<object, ActionStart>();

/**
 * Has a tool hear of its actions. The SDK asks about an approval with the id of the call, but not where it was given
 * already, as in a saved state: then only the event that a tool starts tells which call it is.
 * @returns The tool.
 */
export function hearingStarts<T extends object>(tool: T, start: ActionStart): T {
  starts.set(tool, start);
  return tool;
}

/** @param args Of the SDK's event `agent_tool_start`: the run's context, the tool, and the call. */
export function tellStart([context, tool, details]: readonly unknown[]): void {
  const start = typeof tool === "object" && tool !== null ? starts.get(tool) : undefined;
  const call = recordOf(recordOf(details)?.["toolCall"]);
  if (start === undefined || call === undefined || !(context instanceof RunContext)) return;
  // A call of a computer may say its first action twice: beside the list of all, and in it.
  const actions = listOf(call["actions"]);
  for (const action of actions.length > 0 ? actions : [call["action"] ?? call["operation"]]) {
    if (typeof action === "object" && action !== null) start(context, action, textOf(call["callId"]));
  }
}
