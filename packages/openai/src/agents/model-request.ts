import type { Admission, GuardInit } from "@agentplane/core";
import type { ModelRequest } from "@openai/agents";

import { listOf, recordOf, textOf } from "../protocol/json.ts";
import type { ActingAgent } from "./agent-identity.ts";
import type { AgentsPlane } from "./agents-plane.ts";
import { governedServers, refuseUnseenTools } from "./hosted-servers.ts";
import { refuseReplaced } from "./sealed-settings.ts";

/** A model call as the plane is told of it. */
export interface GovernedRequest {
  /** With only the tools and handoffs that may be offered. */
  readonly request: ModelRequest;
  readonly context: GuardInit;
}

/**
 * Describes a model call, and takes off what may not be offered now: functions, tools that run at the provider, and
 * handoffs. For what runs at the provider this is the only place where it can be stopped.
 * @throws AgentplaneError `usage_invalid` for settings that would replace what is decided
 * @param how `model`: as price tables name it, where the model tells; `agentOf`: the agent that a handoff's tool leads to.
 */
export async function describeModelCall(
  plane: AgentsPlane,
  request: ModelRequest,
  {
    acting,
    model,
    agentOf,
  }: { readonly acting: ActingAgent; readonly model: string; agentOf(handoff: string): string },
): Promise<GovernedRequest> {
  refuseReplaced(request.modelSettings);
  const { guard } = plane;
  const named = request.tools.map((tool) => ({ ...namesOf(tool), tool }));
  const visible = await guard.visibleTools(named, { hookpoint: "before_agent", ...acting });
  const kept = visible.length === named.length ? request.tools : visible.map(({ tool }) => tool);
  const { tools, input } = await governedServers(plane, { tools: kept, input: request.input }, acting);
  const handoffs: ModelRequest["handoffs"] = [];
  for (const handoff of request.handoffs) {
    const target = { name: agentOf(handoff.toolName) };
    // oxlint-disable-next-line no-await-in-loop -- in order; a peek awaits only what a store makes it
    const { effect } = await guard.peek({ hookpoint: "before_handoff", ...acting, target });
    if (effect !== "block") handoffs.push(handoff);
  }
  const offered = {
    ...request,
    tools,
    input,
    handoffs: handoffs.length === request.handoffs.length ? request.handoffs : handoffs,
    // What was taken off must not make room for the tools of a stored prompt.
    ...(request.prompt !== undefined && request.tools.length > 0 && { toolsExplicitlyProvided: true }),
  };
  await refuseUnseenTools(plane, offered, acting);
  const { maxTokens } = request.modelSettings;
  return {
    request: offered,
    context: {
      hookpoint: "before_model_call",
      ...acting,
      model: {
        name: model,
        messages: promptOf(offered),
        tools: [
          ...tools.map((tool) => namesOf(tool).name),
          ...offered.handoffs.map(({ toolName }) => toolName),
        ],
        ...(typeof maxTokens === "number" && maxTokens > 0 && { maxOutputTokens: maxTokens }),
      },
    },
  };
}

/** The request as it was admitted: the prompt as rules left it, and no more output than was reserved. */
export function admittedRequest(request: ModelRequest, admission: Admission): ModelRequest {
  const next = { ...request };
  if (admission.isInputChanged) Object.assign(next, changedPrompt(admission.input));
  const limit = admission.context.model?.maxOutputTokens;
  if (limit !== undefined && limit < (request.modelSettings.maxTokens ?? Infinity))
    next.modelSettings = { ...request.modelSettings, maxTokens: limit };
  const signals = [request.signal, admission.signal].filter(
    (one): one is AbortSignal => one instanceof AbortSignal,
  );
  const [only] = signals;
  // Most runs have no signal of their own, and to join one with nothing costs more than to make it.
  next.signal = signals.length === 1 && only !== undefined ? only : AbortSignal.any(signals);
  return next;
}

/** A function goes by its name, what runs at the provider too; a remote MCP server by its label. */
function namesOf(tool: ModelRequest["tools"][number]): { readonly name: string; readonly server?: string } {
  if (tool.type !== "hosted_tool") return { name: tool.name };
  const server = textOf(recordOf(tool.providerData)?.["server_label"]);
  const type = textOf(recordOf(tool.providerData)?.["type"]);
  return server === undefined ? { name: type ?? tool.name } : { name: type ?? tool.name, server };
}

function promptOf({ systemInstructions, input, prompt }: ModelRequest): object {
  return {
    ...(systemInstructions !== undefined && { systemInstructions }),
    input,
    ...(prompt !== undefined && { prompt }),
  };
}

function changedPrompt(content: unknown): Partial<ModelRequest> {
  const { systemInstructions, input, prompt } = recordOf(content) ?? {};
  return {
    ...(typeof systemInstructions === "string" && { systemInstructions }),
    // Rules change texts in place: the items are of the shape that was described.
    input: typeof input === "string" ? input : (listOf(input) as Exclude<ModelRequest["input"], string>),
    ...(prompt !== undefined && { prompt: prompt as NonNullable<ModelRequest["prompt"]> }),
  };
}
