import type { ToolCall } from "@langchain/core/messages";
import { isGraphInterrupt } from "@langchain/langgraph";
import type { ToolCallRequest } from "langchain";

import type { RunFacts } from "../call/identity.ts";
import { taskIdOf, taskInputOf } from "../call/provider-calls.ts";
import type { ToolResult } from "../content/tool-result.ts";

/** Turns that wait for a human and may never go on: beyond this many the oldest is forgotten. */
const MAX_PAUSED = 10_000;

/**
 * What the calls of a turn gave that run in one task of LangGraph, as with `version: "v1"`. One that pauses ends the task,
 * which then runs from the top: what the others gave would be lost, and the plane lets none of them run a second time.
 */
export interface TurnResults {
  /**
   * Makes a call, or gives what it gave before its turn paused.
   * @param make Not called in that case.
   */
  once(request: ToolCallRequest, make: () => Promise<ToolResult>): Promise<ToolResult>;
}

interface MadeCall {
  readonly toolCall: ToolCall;
  readonly result: Promise<ToolResult>;
}

interface Turn {
  readonly made: Map<string, MadeCall>;
  /** Made before the turn paused. */
  readonly before: Map<string, MadeCall> | undefined;
}

/** Keeps them in memory; after a restart the model reads that a call had already run. */
export function createTurnResults(): TurnResults {
  // LangGraph makes this object anew for each execution of a task.
  const turns = new WeakMap<object, Turn>();
  const paused = new Map<string, Turn["made"]>();
  const turnOf = (execution: object, task: string): Turn => {
    const known = turns.get(execution);
    if (known !== undefined) return known;
    const turn: Turn = { made: new Map(), before: paused.get(task) };
    paused.delete(task);
    turns.set(execution, turn);
    return turn;
  };
  const pause = (task: string, { made }: Turn): void => {
    // Nothing beside it was made.
    if (made.size === 1) return;
    paused.set(task, made);
    const [oldest] = paused.keys();
    if (paused.size > MAX_PAUSED && oldest !== undefined) paused.delete(oldest);
  };
  const makeOnce = async (turn: Turn, { task, toolCall, make }: TurnCall): Promise<ToolResult> => {
    const { id } = toolCall;
    const before = turn.before?.get(id);
    turn.before?.delete(id);
    const isSame = before !== undefined && isSameCall(before.toolCall, toolCall);
    const result = isSame ? before.result.catch(() => make()) : make();
    turn.made.set(id, { toolCall, result });
    try {
      return await result;
    } catch (error) {
      if (isGraphInterrupt(error)) pause(task, turn);
      throw error;
    }
  };
  return {
    once({ runtime, toolCall }, make) {
      const [execution, task] = [runtime.configurable, taskIdOf(runtime)];
      if (execution === undefined || task === undefined || !hasId(toolCall) || isAlone(runtime))
        return make();
      return makeOnce(turnOf(execution, task), { task, toolCall, make });
    },
  };
}

/** A call that others may be made beside. */
interface TurnCall {
  readonly task: string;
  readonly toolCall: ToolCall & { readonly id: string };
  readonly make: () => Promise<ToolResult>;
}

function hasId(toolCall: ToolCall): toolCall is TurnCall["toolCall"] {
  return toolCall.id !== undefined;
}

/** Whether LangGraph was sent this call for a task of its own, as all are but with `version: "v1"`. */
function isAlone(runtime: RunFacts): boolean {
  const input = taskInputOf(runtime);
  return typeof input === "object" && input !== null && "lg_tool_call" in input;
}

/** The history may have been edited while its turn waited. */
function isSameCall(one: ToolCall, other: ToolCall): boolean {
  return one.name === other.name && JSON.stringify(one.args) === JSON.stringify(other.args);
}
