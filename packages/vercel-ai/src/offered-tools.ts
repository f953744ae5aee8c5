import {
  ApprovalPending,
  PolicyBlocked,
  PolicyDegraded,
  type Decision,
  type GuardInit,
  type NamedTool,
} from "@agentplane/core";
import type { LanguageModelV4CallOptions } from "@ai-sdk/provider";

import type { AgentRun } from "./agent-run.ts";
import { agentContext } from "./context.ts";
import type { ModelSettings } from "./model-call.ts";
import type { Denial } from "./model-denial.ts";
import { forcedTool, withTools } from "./model-request.ts";
import { toolNames } from "./tool-names.ts";

/** The request with the tools that may be called, or why it makes no sense without the others. */
export type Offered = { readonly params: LanguageModelV4CallOptions } | { readonly denial: Denial };

type Settings = Pick<ModelSettings, "plane" | "identity" | "tools">;

/**
 * Says whether the agent may run at all, and hides what may not be called now. For a tool that runs at the provider this
 * is the only place where it can be stopped. Where the model is told to call what it may not call, the call is denied: an
 * answer without it would break the SDK.
 * @param run The run that this call is a step of, undefined where nobody tells of runs.
 */
export async function offerTools(
  settings: Settings,
  given: LanguageModelV4CallOptions,
  run: AgentRun | undefined,
): Promise<Offered> {
  const { tools = [], providerOptions } = given;
  const agent = agentContext(settings.identity, providerOptions);
  const denial =
    run === undefined ? await agentDenial(settings, agent) : await run.begin(given.prompt, given.abortSignal);
  if (denial !== undefined) return { denial };
  const params = run === undefined ? given : { ...given, prompt: run.written(given.prompt) };
  if (tools.length === 0) return { params };
  const named = tools.map((tool) => namedTool(tool, settings));
  const visible = await visibleOf(settings, agent, named);
  if (visible.length === named.length) return { params };
  const forced = forcedTool(params);
  const isEmpty = visible.length === 0 && params.toolChoice?.type === "required";
  const missing = named.find(
    ({ name }) => (isEmpty || name === forced) && !visible.some((one) => one.name === name),
  );
  if (missing !== undefined) {
    const { name, server, originalName } = missing;
    const tool = { name, server, originalName };
    return { denial: await denialOf(settings, { ...agent, hookpoint: "before_tool_call", tool }) };
  }
  return {
    params: withTools(
      params,
      visible.map(({ tool }) => tool),
    ),
  };
}

/** Without a run there is nothing that could be counted: each call asks whether the agent may run, and that is on record. */
async function agentDenial({ plane }: Settings, agent: GuardInit): Promise<Denial | undefined> {
  const { effect } = await plane.guard.peek(agent);
  if (effect === "allow") return undefined;
  // Asked in full: that is on record, and knows of an approval.
  const decision = await plane.guard.ask(agent);
  return decision.effect === "allow" ? undefined : toDenial(decision);
}

type OfferedTool = NonNullable<LanguageModelV4CallOptions["tools"]>[number];

interface Named extends NamedTool {
  readonly tool: OfferedTool;
  /** No call of it will be asked about: the provider just runs it. */
  readonly isRunByProvider: boolean;
}

/** A provider's tool is also what the provider calls it, whatever name the application gave it. */
function namedTool(tool: OfferedTool, { tools }: Pick<ModelSettings, "tools">): Named {
  const own = Object.hasOwn(tools, tool.name) ? tools[tool.name] : undefined;
  const isRunHere = own !== undefined && (own.execute !== undefined || isLocal(own));
  return {
    ...toolNames(tool.name, own),
    ...(tool.type === "provider" && { originalName: tool.id }),
    tool,
    isRunByProvider: tool.type === "provider" && !isRunHere,
  };
}

function isLocal(tool: object): boolean {
  return "isProviderExecuted" in tool && tool.isProviderExecuted === false;
}

async function visibleOf(
  { plane }: Settings,
  context: GuardInit,
  named: readonly Named[],
): Promise<readonly Named[]> {
  const visible = await plane.guard.visibleTools(named, context);
  if (!visible.some(({ isRunByProvider }) => isRunByProvider)) return visible;
  const isOffered = await Promise.all(
    visible.map(async ({ name, server, originalName, isRunByProvider }) => {
      if (!isRunByProvider) return true;
      const tool = { name, server, originalName };
      const { effect } = await plane.guard.peek({ ...context, hookpoint: "before_tool_call", tool });
      // Nobody can be asked once it is offered.
      return effect !== "ask";
    }),
  );
  return visible.filter((_tool, position) => isOffered[position]);
}

/** Asked in full, so that the denial is on record. */
async function denialOf({ plane }: Settings, context: GuardInit): Promise<Denial> {
  return toDenial(await plane.guard.ask(context));
}

function toDenial(decision: Decision): Denial {
  return { message: decision.message, decision, error: errorOf(decision) };
}

function errorOf(decision: Decision): Denial["error"] {
  const { effect, approvalId } = decision;
  if (effect === "ask" && approvalId !== undefined) return new ApprovalPending(decision, approvalId);
  return decision.cause === "mode" ? new PolicyDegraded(decision) : new PolicyBlocked(decision);
}
