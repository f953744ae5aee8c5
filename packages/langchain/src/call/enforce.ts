import type { Decision, Denied, PolicyError } from "@agentplane/core";
import type { ToolCall } from "@langchain/core/messages";
import { AIMessage, ToolMessage } from "@langchain/core/messages";

/** What the model reads instead of a result: an error it can react to, so that the agent goes on without the call. */
export function toolRefusal(
  { message, decision }: Pick<Denied, "message" | "decision">,
  toolCall: ToolCall,
): ToolMessage {
  return toolError(message, toolCall, decision);
}

/** An error of a tool call as createAgent words it for the model. */
export function toolError(text: string, toolCall: ToolCall, decision?: Decision): ToolMessage {
  return new ToolMessage({
    content: text,
    tool_call_id: toolCall.id ?? "",
    name: toolCall.name,
    status: "error",
    ...(decision !== undefined && { response_metadata: { agentplane: factsOf(decision) } }),
  });
}

/** What stands for a model's answer: without tool calls, so that the agent ends. */
export function modelRefusal({ message, decision, error }: RefusedCall): AIMessage {
  const refusal = new AIMessage({
    content: message,
    response_metadata: { agentplane: factsOf(decision) },
  });
  refusals.set(refusal, error);
  return refusal;
}

type RefusedCall = Pick<Denied, "message" | "decision" | "error">;

const refusals = new WeakMap<AIMessage, PolicyError>();

/** The error that says the same as an answer, where that is words of ours. */
export function refusalError(answer: AIMessage): PolicyError | undefined {
  return refusals.get(answer);
}

/** Lets an application find the decision in the audit trail; not sent to providers. */
function factsOf({ id, effect, cause, policyId, ruleId, reason }: Decision): object {
  return {
    decisionId: id,
    effect,
    cause,
    reason,
    ...(policyId !== undefined && { policyId }),
    ...(ruleId !== undefined && { ruleId }),
  };
}
