import type { GuardInit, NamedTool } from "@agentplane/core";
import type { EmbeddingModelV4, ImageModelV4, LanguageModelV4 } from "@ai-sdk/provider";

import { identityOf, type CallIdentity, type GovernedIdentity } from "./identity.ts";

/** A tool call, as far as a decision needs it. */
export interface CalledTool {
  /** Names of the tool; `server` where it came from one. */
  readonly names: NamedTool;
  readonly toolCallId: string;
  readonly input: unknown;
}

/**
 * What a tool call is, in the plane's words. The model's id of the call is what survives an approval.
 * @param who From `identityOf`, which does not change from call to call.
 */
export function toolContext(who: CallIdentity, { names, toolCallId, input }: CalledTool): GuardInit {
  return {
    ...who,
    hookpoint: "before_tool_call",
    callId: toolCallId === "" ? undefined : toolCallId,
    tool: { name: names.name, server: names.server, originalName: names.originalName, input },
  };
}

/** The agent at work, whatever it does: enough to tell which tools it may see. */
export function agentContext(
  identity: GovernedIdentity,
  providerOptions: Readonly<Record<string, unknown>> | undefined,
): GuardInit {
  return { hookpoint: "before_agent", ...identityOf(identity, providerOptions) };
}

/** A call of any kind of model, as far as a decision needs it. */
export interface CalledModel {
  readonly model: Pick<LanguageModelV4 | EmbeddingModelV4 | ImageModelV4, "provider" | "modelId">;
  readonly callId: string;
  /** What the model is given: rules look at it and redact it. */
  readonly messages: unknown;
  /** Names of the tools it is offered. */
  readonly tools?: readonly string[];
  readonly maxOutputTokens?: number | undefined;
  readonly providerOptions?: Readonly<Record<string, unknown>> | undefined;
}

/** What a model call is, in the plane's words. */
export function modelContext(identity: GovernedIdentity, call: CalledModel): GuardInit {
  const { model, callId, messages, tools = [], maxOutputTokens, providerOptions } = call;
  return {
    hookpoint: "before_model_call",
    ...identityOf(identity, providerOptions),
    callId,
    model: {
      ...nameOf(model),
      messages,
      tools,
      ...(maxOutputTokens !== undefined && { maxOutputTokens }),
    },
  };
}

/**
 * Policies and price tables name the provider, not which of its APIs is used: `openai.responses` is `openai`, and what
 * the gateway calls `anthropic/claude` is `claude` of `anthropic`.
 */
function nameOf({ provider, modelId }: CalledModel["model"]): { provider: string; name: string } {
  const [own = provider] = provider.split(".");
  const slash = modelId.indexOf("/");
  if (own !== "gateway" || slash <= 0) return { provider: own, name: modelId };
  return { provider: modelId.slice(0, slash), name: modelId.slice(slash + 1) };
}
