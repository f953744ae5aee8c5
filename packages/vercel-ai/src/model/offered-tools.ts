import type { GuardInit, NamedTool } from "@agentplane/core";
import type { LanguageModelV4CallOptions } from "@ai-sdk/provider";

import type { AgentRun } from "../run/agent-run.ts";
import { allowedTools, isUnknown, type OfferableTool } from "../offer/allowed-tools.ts";
import { identityDenial, saidOf } from "../call/call-identity.ts";
import { agentContext } from "../call/context.ts";
import { serverOf, withListed } from "../offer/hosted-servers.ts";
import type { ModelSettings } from "./model-call.ts";
import { denialOf, type Denial } from "../call/denial.ts";
import { forcedTool, withTools } from "./model-request.ts";
import { keptOptions, optionTools, promptTools, serverTools } from "../offer/option-tools.ts";
import type { GovernedPlane } from "../call/plane.ts";
import { toolNames } from "../call/tool-names.ts";

/** The request with the tools that may be called, or why it makes no sense without the others. */
export type Offered = { readonly params: LanguageModelV4CallOptions } | { readonly denial: Denial };

type Settings = Pick<ModelSettings, "plane" | "identity" | "tools" | "ofRun">;

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
  const agent = agentContext(settings.identity, saidOf(settings.ofRun, given.providerOptions));
  const denial =
    (await otherDenial(settings, agent, given)) ??
    (run === undefined
      ? await agentDenial(settings, agent)
      : await run.begin(given.prompt, given.abortSignal));
  if (denial !== undefined) return { denial };
  const written = run === undefined ? given : { ...given, prompt: run.written(given.prompt) };
  const optional = await withOptions(settings, agent, written);
  return "denial" in optional ? optional : listedTools(settings, agent, optional.params);
}

/**
 * The request without the tools that its options bring and that may not run; denied for one that a message brings, which
 * does not make sense without it.
 */
async function withOptions(
  settings: Settings,
  agent: GuardInit,
  params: LanguageModelV4CallOptions,
): Promise<Offered> {
  const brought = promptTools(params.prompt).map(runByProvider);
  const allowed = await allowedTools(settings.plane, agent, brought);
  const missing = brought.find((tool) => !allowed.includes(tool));
  if (missing !== undefined) return { denial: await toolDenial(settings, agent, missing) };
  return { params: await withAllowedOptions(settings.plane, agent, params) };
}

/** A call without the tools that its options bring and that may not run. */
export async function withAllowedOptions<
  Params extends { readonly providerOptions?: Readonly<Record<string, unknown>> | undefined },
>(plane: GovernedPlane, agent: GuardInit, params: Params): Promise<Params> {
  const tools = optionTools(params.providerOptions).map(runByProvider);
  const visible = await allowedTools(plane, agent, tools);
  if (visible.length === tools.length) return params;
  const kept = keptOptions(params.providerOptions, keepInOrder(tools, visible));
  return { ...params, ...(kept && { providerOptions: kept }) };
}

/** Whether each stays, asked in the same order as found. */
function keepInOrder(tools: readonly NamedTool[], visible: readonly NamedTool[]): () => boolean {
  let position = 0;
  return () => {
    const tool = tools[position++];
    return tool !== undefined && visible.includes(tool);
  };
}

/** No call of it will be asked about: the provider just runs it. */
function runByProvider(tool: OfferableTool): OfferableTool {
  return { ...tool, canAsk: false };
}

/** The request with those of its listed tools that may be called, and of the servers among them with those of theirs. */
async function listedTools(
  settings: Settings,
  agent: GuardInit,
  params: LanguageModelV4CallOptions,
): Promise<Offered> {
  const { tools = [] } = params;
  if (tools.length === 0) return { params };
  const { plane } = settings;
  const hosted = tools.flatMap(hostedTools).map(runByProvider);
  const allowed = await allowedTools(plane, agent, hosted);
  const keep = keepInOrder(hosted, allowed);
  const named = tools.map((tool) => namedTool(tool, keep, settings));
  const visible = (await allowedTools(plane, agent, named)).filter(({ offered }) => offered !== undefined);
  if (visible.length === named.length && visible.every(({ tool, offered }) => tool === offered))
    return { params };
  const forced = forcedTool(params);
  const isEmpty = visible.length === 0 && params.toolChoice?.type === "required";
  const missing = named.find(
    ({ name }) => (isEmpty || name === forced) && !visible.some((one) => one.name === name),
  );
  if (missing !== undefined) {
    // A server is gone with the tools of its list: one of them says why.
    const refused = hosted.find((tool) => tool.server === missing.server && !allowed.includes(tool));
    const tool = missing.offered === undefined ? (refused ?? missing) : missing;
    return { denial: await toolDenial(settings, agent, tool) };
  }
  return {
    params: withTools(
      params,
      visible.flatMap(({ offered }) => (offered === undefined ? [] : [offered])),
    ),
  };
}

async function otherDenial(
  { plane, ofRun }: Settings,
  agent: GuardInit,
  { providerOptions }: LanguageModelV4CallOptions,
): Promise<Denial | undefined> {
  return ofRun && identityDenial(plane, { agent, run: ofRun, given: providerOptions });
}

/** Without a run there is nothing that could be counted: each call asks whether the agent may run, and that is on record. */
async function agentDenial({ plane }: Settings, agent: GuardInit): Promise<Denial | undefined> {
  const { effect } = await plane.guard.peek(agent);
  if (effect === "allow") return undefined;
  // Asked in full: that is on record, and knows of an approval.
  const decision = await plane.guard.ask(agent);
  return decision.effect === "allow" ? undefined : denialOf(decision);
}

type OfferedTool = NonNullable<LanguageModelV4CallOptions["tools"]>[number];
type ProviderTool = Extract<OfferedTool, { readonly type: "provider" }>;

interface Named extends OfferableTool {
  readonly tool: OfferedTool;
  /** The same as it may be offered; undefined where nothing of a server is left. */
  readonly offered: OfferedTool | undefined;
}

/** What a hosted server among the tools lists. */
function hostedTools(tool: OfferedTool): readonly NamedTool[] {
  return tool.type === "provider" ? serverTools(tool.args) : [];
}

/** A provider's tool is also what the provider calls it, whatever name the application gave it. */
function namedTool(tool: OfferedTool, keep: () => boolean, { tools }: Pick<ModelSettings, "tools">): Named {
  const own = Object.hasOwn(tools, tool.name) ? tools[tool.name] : undefined;
  const names = toolNames(tool.name, own);
  if (tool.type !== "provider") return { ...names, tool, offered: tool };
  const isRunHere = own !== undefined && (own.execute !== undefined || isLocal(own));
  const server = serverOf(tool.args);
  const isListed = hostedTools(tool).length > 0;
  const offered = isListed ? withServer(tool, keep) : tool;
  const originalName = tool.id;
  return {
    ...names,
    ...(server !== undefined && { server, isUnlisted: !isListed }),
    originalName,
    tool,
    offered,
    canAsk: isRunHere,
  };
}

function withServer(tool: ProviderTool, keep: () => boolean): ProviderTool | undefined {
  const args = withListed(tool.args, keep);
  if (args === tool.args) return tool;
  // A record with shorter lists.
  return args === undefined ? undefined : { ...tool, args: args as ProviderTool["args"] };
}

function isLocal(tool: object): boolean {
  return "isProviderExecuted" in tool && tool.isProviderExecuted === false;
}

/**
 * Asked in full, so that the denial is on record. About a tool that is only offered nobody can be asked: what it will do is
 * not known, and an approval is for one call with one input.
 */
async function toolDenial({ plane }: Settings, agent: GuardInit, offered: OfferableTool): Promise<Denial> {
  const { name, server, originalName } = offered;
  const context = { ...agent, hookpoint: "before_tool_call" as const, tool: { name, server, originalName } };
  const decision = await plane.guard.ask(context, { canAsk: false });
  if (decision.effect !== "allow" || !isUnknown(plane, agent, offered)) return denialOf(decision);
  const reason =
    `"${server}" is not offered: it is a server whose tools are not listed, and a policy, a plug or a hook could stop ` +
    `one of them. List in the settings of the server the tools that may be used.`;
  const refusal = { cause: "rule", reason, message: reason } as const;
  return denialOf(await plane.engine.refuse(plane.guard.context(context), refusal, { intent: "ask" }));
}
