import type { Guard } from "@agentplane/core";
import type { ModelRequest } from "@openai/agents";

import { listOf, recordOf, textOf } from "../protocol/json.ts";
import type { ActingAgent } from "./agent-identity.ts";

type OfferedTool = ModelRequest["tools"][number];

/**
 * Takes the tools off that hosted MCP servers may not offer, where the agent says their names: one that runs calls without
 * asking can be stopped nowhere else.
 * @returns The same list where nothing changes.
 */
export async function withVisibleNames(
  guard: Guard,
  tools: ModelRequest["tools"],
  acting: ActingAgent,
): Promise<ModelRequest["tools"]> {
  const next: OfferedTool[] = [];
  for (const tool of tools) {
    const names = namesOf(tool);
    // oxlint-disable-next-line no-await-in-loop -- in order; a peek awaits only what a store makes it
    const visible = await guard.visibleTools(names, { hookpoint: "before_agent", ...acting });
    if (visible.length === names.length) next.push(tool);
    else if (visible.length > 0) next.push(offering(tool, visible));
  }
  return next.length === tools.length && next.every((tool, at) => tool === tools[at]) ? tools : next;
}

interface ServerTool {
  readonly name: string;
  readonly server: string;
}

/** The names that a hosted MCP server may offer; none where the agent does not say them. */
function namesOf(tool: OfferedTool): readonly ServerTool[] {
  const data = tool.type === "hosted_tool" ? recordOf(tool.providerData) : undefined;
  const server = textOf(data?.["server_label"]);
  if (data?.["type"] !== "mcp" || server === undefined) return [];
  const allowed = data["allowed_tools"];
  const names = Array.isArray(allowed) ? allowed : listOf(recordOf(allowed)?.["tool_names"]);
  return names.flatMap((name: unknown) => (typeof name === "string" ? [{ name, server }] : []));
}

function offering(tool: OfferedTool, visible: readonly ServerTool[]): OfferedTool {
  if (tool.type !== "hosted_tool") return tool;
  const { allowed_tools: allowed, ...data } = tool.providerData ?? {};
  const tool_names = visible.map(({ name }) => name);
  return { ...tool, providerData: { ...data, allowed_tools: { ...recordOf(allowed), tool_names } } };
}
