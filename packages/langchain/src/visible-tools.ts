import type { ModelRequest } from "langchain";

import { agentContext } from "./context.ts";
import type { GovernedIdentity } from "./identity.ts";
import type { GovernedPlane } from "./plane.ts";

/**
 * Hides what may not be called now. For a tool that runs at the provider (`{ type: "web_search" }`) this is the only
 * place where it can be stopped.
 */
export async function withVisibleTools(
  { plane, identity }: { readonly plane: GovernedPlane; readonly identity: GovernedIdentity },
  request: ModelRequest,
): Promise<ModelRequest> {
  const named = request.tools.map((tool) => ({ name: nameOfTool(tool), tool }));
  const visible = await plane.guard.visibleTools(named, agentContext(identity, request));
  return visible.length === named.length ? request : { ...request, tools: visible.map(({ tool }) => tool) };
}

/** Tools of LangChain have a name; tools of a provider a type, or a function with a name. */
export function nameOfTool(tool: ModelRequest["tools"][number]): string {
  const {
    name,
    type,
    function: described,
  } = tool as { name?: unknown; type?: unknown; function?: { name?: unknown } };
  for (const text of [name, described?.name, type]) if (typeof text === "string" && text !== "") return text;
  return "unnamed";
}
