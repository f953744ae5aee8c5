import type { GuardInit } from "@agentplane/core";
import type { ModelRequest, ToolCallRequest } from "langchain";

import { identityOf, type GovernedIdentity, type RunFacts } from "./identity.ts";
import { readContent } from "../content/message-content.ts";
import { describeModel } from "./model-facts.ts";
import { promptOf } from "../content/prompt.ts";
import { taskIdOf } from "./provider-calls.ts";
import { turnOfCall } from "./turn-of-call.ts";

/**
 * What a tool call is, in the plane's words.
 * @param request LangChain's request; its `tool` may be absent (hidden, invented or dynamic), its call never is.
 */
export function toolContext(identity: GovernedIdentity, request: ToolCallRequest, input: unknown): GuardInit {
  const { toolCall, runtime, state } = request;
  const callId = toolCallId(toolCall.id, runtime, state.messages);
  return {
    hookpoint: "before_tool_call",
    ...identityOf(identity, runtime),
    ...(callId !== undefined && { callId }),
    tool: { ...namesOf(request), input },
  };
}

/** The agent at work, whatever it does: enough to tell which tools it may see. */
export function agentContext(
  identity: GovernedIdentity,
  { runtime }: Pick<ModelRequest, "runtime">,
): GuardInit {
  return { hookpoint: "before_agent", ...identityOf(identity, runtime) };
}

/**
 * What a model call is, in the plane's words.
 * @param offered Names of the tools that are offered to the model, and the id of the call where it has one.
 */
export function modelContext(
  identity: GovernedIdentity,
  request: ModelRequest,
  { tools, callId }: { readonly tools: readonly string[]; readonly callId: string | undefined },
): GuardInit {
  const { model, modelSettings, runtime } = request;
  return {
    hookpoint: "before_model_call",
    ...identityOf(identity, runtime),
    ...(callId !== undefined && { callId }),
    model: { ...describeModel(model, modelSettings), messages: readContent(promptOf(request)), tools },
  };
}

/**
 * Other middleware may rename a call and leave the tool, or swap the tool and leave the name. LangChain runs the tool:
 * it is what is allowed or not; the name the call goes by can only deny.
 */
function namesOf({ tool, toolCall }: ToolCallRequest): {
  readonly name: string;
  readonly originalName?: string;
} {
  const name =
    tool !== undefined && "name" in tool && typeof tool.name === "string" ? tool.name : toolCall.name;
  return { name, ...(name !== toolCall.name && { originalName: toolCall.name }) };
}

/**
 * Within a thread the model's id of the call, and of the message that makes it, is what survives a resume. Without a thread
 * nothing can be resumed, and two runs may repeat an id: the run's task tells them apart.
 * @param messages Where the message that makes the call is looked for.
 */
export function toolCallId(id: string | undefined, run: RunFacts, messages: unknown): string | undefined {
  if (id === undefined || id === "") return undefined;
  const isInThread = run.configurable?.["thread_id"] !== undefined;
  const place = isInThread ? turnOfCall(messages, id) : taskIdOf(run);
  return place === undefined ? id : `${place}:${id}`;
}
