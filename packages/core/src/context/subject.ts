import { assertNever } from "../base/assert-never.ts";
import type { JsonValue } from "../base/json.ts";
import type { PolicyContext } from "./context.ts";
import type { Hookpoint } from "./hookpoint.ts";

/** What a call is about, of the things that a context may name. */
export type Subject = "tool" | "model" | "target";

/** What a call at a hookpoint must be about; undefined where it is about nothing beside the agent, or whatever is named. */
export function subjectAt(hookpoint: Hookpoint): Subject | undefined {
  switch (hookpoint) {
    case "before_tool_call":
    case "after_tool_call":
      return "tool";
    case "before_model_call":
    case "after_model_call":
      return "model";
    case "before_handoff":
    case "after_handoff":
    case "before_resource_read":
    case "after_resource_read":
    case "before_prompt_get":
    case "after_prompt_get":
    case "before_elicitation":
    case "after_elicitation":
      return "target";
    // A run, a list of tools and what customers declare are about nothing beside the agent.
    default:
      return undefined;
  }
}

/**
 * What a call is about. A context may name more, such as the model that called a tool: whatever looks at its content must
 * look at the same one.
 */
export function subjectOf({
  hookpoint,
  tool,
  model,
  target,
}: Pick<PolicyContext, "hookpoint" | Subject>): Subject | undefined {
  if (model === undefined && target === undefined) return tool && "tool";
  const subject = subjectAt(hookpoint);
  if (subject === "model" && model !== undefined) return subject;
  if (subject === "target" && target !== undefined) return subject;
  if (tool !== undefined) return "tool";
  return model === undefined ? "target" : "model";
}

/** What goes into the action and may be rewritten or redacted: a tool's or target's input, a model's messages. */
export function inputOf(context: PolicyContext): JsonValue | undefined {
  const subject = subjectOf(context);
  switch (subject) {
    case "tool":
      return context.tool?.input;
    case "model":
      return context.model?.messages;
    case "target":
      return context.target?.input;
    case undefined:
      return undefined;
    default:
      return assertNever(subject, "subject");
  }
}
