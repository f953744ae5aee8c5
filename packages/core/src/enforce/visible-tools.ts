import { andThen, type MaybePromise } from "../base/maybe-promise.ts";
import { AgentplaneError } from "../base/errors.ts";
import type { PolicyContext } from "../context/context.ts";
import { createContext } from "../context/create-context.ts";
import type { Decision } from "../decision/decision.ts";
import type { DecisionPoint } from "../decision/decision-point.ts";

/** A tool as a list offers it. */
export interface NamedTool {
  readonly name: string;
  readonly server?: string;
  readonly originalName?: string;
  /** Whether a human can be asked about a call of it, once it is offered; false for what runs elsewhere. Default true. */
  readonly canAsk?: boolean;
}

/**
 * The tools a model may see now: those that no policy, plug or mode blocks whatever their input. What cannot be told
 * without an input stays visible; hiding is a courtesy, the call itself is decided again. Not so a call that nobody can be
 * asked about: to offer its tool is to run it, so where a human is needed it is hidden.
 * @param tools Anything with a `name`.
 * @param context The agent at work, at any hookpoint.
 */
export function visibleTools<T extends NamedTool>(
  point: DecisionPoint,
  tools: readonly T[],
  context: PolicyContext,
): MaybePromise<readonly T[]> {
  const visible: T[] = [];
  const from = (position: number): MaybePromise<readonly T[]> => {
    for (let at = position; at < tools.length; at++) {
      const tool = tools[at]!;
      const preview = previewOf(tool, context);
      if (preview === undefined) continue;
      const ruled = point.rule(preview, { intent: "peek" });
      if ("then" in ruled) {
        return ruled.then(({ decision }) => {
          if (isVisible(tool, decision)) visible.push(tool);
          return from(at + 1);
        });
      }
      if (isVisible(tool, ruled.decision)) visible.push(tool);
    }
    return visible;
  };
  return andThen(from(0), (all) => (all.length === tools.length ? tools : all));
}

function isVisible({ canAsk }: NamedTool, { effect }: Decision): boolean {
  return effect === "allow" || (effect === "ask" && canAsk !== false);
}

/** Undefined for a tool whose name no call could have. */
function previewOf(
  { name, server, originalName }: NamedTool,
  context: PolicyContext,
): PolicyContext | undefined {
  const { model: _model, callId: _callId, target: _target, result: _result, ...rest } = context;
  try {
    return createContext(
      { ...rest, hookpoint: "before_tool_call", tool: { name, server, originalName } },
      context.nowMs,
    );
  } catch (error) {
    if (error instanceof AgentplaneError && error.code === "context_invalid") return undefined;
    throw error;
  }
}
