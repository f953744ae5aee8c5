import type { ModelRequest } from "langchain";

import { agentContext } from "./context.ts";
import type { GovernedIdentity } from "./identity.ts";
import type { GovernedPlane } from "./plane.ts";
import { keptSettings, nameOfOffered, settingTools } from "./setting-tools.ts";

/**
 * Hides what may not be called now, also what settings of the call would offer. For a tool that runs at the provider
 * (`{ type: "web_search" }`) this is the only place where it can be stopped.
 */
export async function withVisibleTools(
  { plane, identity }: { readonly plane: GovernedPlane; readonly identity: GovernedIdentity },
  request: ModelRequest,
): Promise<ModelRequest> {
  const context = agentContext(identity, request);
  const named = request.tools.map((tool) => ({ name: nameOfTool(tool), tool }));
  const visible = await plane.guard.visibleTools(named, context);
  const shown =
    visible.length === named.length ? request : { ...request, tools: visible.map(({ tool }) => tool) };
  const { modelSettings } = request;
  const offered = settingTools(modelSettings);
  if (modelSettings === undefined || offered.length === 0) return shown;
  const kept = await plane.guard.visibleTools(offered, context);
  return kept.length === offered.length
    ? shown
    : { ...shown, modelSettings: keptSettings(modelSettings, kept) };
}

/** Tools of LangChain have a name; tools of a provider a type, or a function with a name. */
export function nameOfTool(tool: ModelRequest["tools"][number]): string {
  return nameOfOffered(tool) ?? "unnamed";
}
