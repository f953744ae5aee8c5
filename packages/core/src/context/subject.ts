import type { JsonValue } from "../base/json.ts";
import type { PolicyContext } from "./context.ts";
import type { Hookpoint } from "./hookpoint.ts";

/** What a call is about, of the things that a context may name. */
export type Subject = "tool" | "model" | "target";

const AIMED = /^(?:before|after)_(?:handoff|resource_read|prompt_get|elicitation)$/;

/** What a call at a hookpoint must be about. A run, a list of tools and what customers declare are about nothing. */
export function subjectAt(hookpoint: Hookpoint): Subject | undefined {
  if (hookpoint === "before_tool_call" || hookpoint === "after_tool_call") return "tool";
  if (hookpoint === "before_model_call" || hookpoint === "after_model_call") return "model";
  return AIMED.test(hookpoint) ? "target" : undefined;
}

/**
 * What a call is about. A context may name more, such as the model that called a tool: whatever looks at its content must
 * look at the same one.
 */
export function subjectOf(context: Pick<PolicyContext, "hookpoint" | Subject>): Subject | undefined {
  const { hookpoint, tool, model, target } = context;
  if (model === undefined && target === undefined) return tool && "tool";
  const subject = subjectAt(hookpoint);
  if (subject !== undefined && context[subject] !== undefined) return subject;
  if (tool !== undefined) return "tool";
  return model === undefined ? "target" : "model";
}

/** What goes into the action and may be rewritten or redacted: a tool's or target's input, a model's messages. */
export function inputOf(context: PolicyContext): JsonValue | undefined {
  const subject = subjectOf(context);
  return subject === "model" ? context.model?.messages : subject && context[subject]?.input;
}
