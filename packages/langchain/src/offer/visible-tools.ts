import type { GuardInit, NamedTool } from "@agentplane/core";
import type { ModelRequest } from "langchain";

import { agentContext } from "../call/context.ts";
import type { GovernedIdentity } from "../call/identity.ts";
import { keptModel, modelTools } from "./model-tools.ts";
import type { GovernedPlane } from "../call/plane.ts";
import { isChoosing, keptSettings, keptTool, settingTools, toolsOf } from "./setting-tools.ts";

/** What a call of a model offers: its tools, and what its settings and the model itself add to them. */
export interface Offer<M = unknown, T = unknown> {
  readonly model: M;
  readonly tools: readonly T[];
  readonly settings: Readonly<Record<string, unknown>> | undefined;
}

/** Everything that an offer lets a model, or its provider, call. */
export function offeredTools({ model, tools, settings }: Offer): readonly NamedTool[] {
  return [...tools.flatMap((tool) => toolsOf(tool)), ...settingTools(settings), ...modelTools(model)];
}

/**
 * Takes out what may not be called now. For a tool that runs at the provider (`{ type: "web_search" }`) this is the only
 * place where it can be stopped.
 * @returns The very same offer where all of it may stay.
 * @throws AgentplaneError `usage_invalid` for a model that cannot be kept from offering a tool.
 */
export async function withVisible<O extends Offer>(
  { guard }: GovernedPlane,
  context: GuardInit,
  offer: O,
): Promise<O> {
  const offered = offeredTools(offer);
  if (offered.length === 0) return offer;
  const visible = await guard.visibleTools(offered, context);
  if (visible.length === offered.length) return offer;
  const names = new Set(visible.map(keyOf));
  const keep = (tool: NamedTool): boolean => names.has(keyOf(tool));
  const { model, tools, settings } = offer;
  return {
    ...offer,
    tools: tools.flatMap((tool) => keptTool(tool, keep) ?? []),
    settings: settings && keptSettings(settings, keep),
    model: modelTools(model).every(keep) ? model : await keptModel(model, keep),
  };
}

/** The names of tools, each once: a model may repeat what a call says. */
export function namesOf(tools: readonly NamedTool[]): readonly string[] {
  return [...new Set(tools.map(({ name }) => name))];
}

function keyOf({ name, server }: NamedTool): string {
  return JSON.stringify([name, server]);
}

/** What a request of createAgent offers. */
export function offerOf({
  model,
  tools,
  modelSettings: settings,
}: ModelRequest): Offer<ModelRequest["model"], ModelRequest["tools"][number]> {
  return { model, tools, settings };
}

/** Hides from an agent's model what may not be called now. */
export async function withVisibleTools(
  { plane, identity }: { readonly plane: GovernedPlane; readonly identity: GovernedIdentity },
  request: ModelRequest,
): Promise<ModelRequest> {
  const offer = offerOf(request);
  const kept = await withVisible(plane, agentContext(identity, request), offer);
  if (kept === offer) return request;
  const { toolChoice: choice, modelSettings: _settings, ...rest } = request;
  return {
    ...rest,
    model: kept.model,
    tools: [...kept.tools],
    ...(choice !== undefined &&
      isChoosing({ tools: kept.tools, tool_choice: choice }) && { toolChoice: choice }),
    ...(kept.settings !== undefined && { modelSettings: { ...kept.settings } }),
  };
}
