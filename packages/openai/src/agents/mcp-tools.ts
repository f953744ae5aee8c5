import { AgentplaneError } from "@agentplane/core";
import { getAllMcpTools, type MCPServer, type RunContext } from "@openai/agents";

import type { AnyAgent, AnyTool } from "./any-agent.ts";

/** Where a tool comes from: rules may name it as `server/originalName` too, whatever the model calls it. */
export interface ToolOrigin {
  readonly server: string;
  readonly originalName: string;
}

/**
 * Makes an agent note, as it asks its MCP servers for their tools, which server each comes from.
 * @param agent A copy of ours.
 * @param origins Filled with each tool's origin.
 */
export function noteOrigins(agent: AnyAgent, origins: WeakMap<AnyTool, ToolOrigin>): void {
  const own = agent.getMcpTools.bind(agent);
  agent.getMcpTools = async (context, span) => {
    const { mcpServers } = agent;
    if (mcpServers.length === 0) return own(context, span);
    // A tool does not tell its server: each server is asked by itself.
    const batches = await Promise.all(mcpServers.map((server) => toolsOf(agent, server, context)));
    const all = batches.flatMap((tools, at) =>
      tools.map((tool) => ({
        tool,
        origin: { server: nameOf(mcpServers[at]), originalName: tool.name ?? "" },
      })),
    );
    // Tools keep their order, also where the SDK puts the server's name into theirs.
    const shown = agent.mcpConfig.includeServerInToolNames === true ? await own(context, span) : undefined;
    refuseUnclear(
      agent.name,
      all.map(({ tool }) => tool),
      shown,
    );
    return all.map(({ tool, origin }, at) => {
      const one = shown?.[at] ?? tool;
      origins.set(one, origin);
      return one;
    });
  };
}

async function toolsOf(
  agent: AnyAgent,
  server: MCPServer,
  runContext: RunContext,
): Promise<readonly AnyTool[]> {
  const { convertSchemasToStrict, errorFunction } = agent.mcpConfig;
  return getAllMcpTools({
    mcpServers: [server],
    runContext,
    agent,
    convertSchemasToStrict: convertSchemasToStrict === true,
    ...(errorFunction !== undefined && { errorFunction }),
  });
}

function refuseUnclear(
  agentName: string,
  tools: readonly AnyTool[],
  shown: readonly AnyTool[] | undefined,
): void {
  const isUnclear =
    shown === undefined
      ? new Set(tools.map(({ name }) => name)).size < tools.length
      : shown.length !== tools.length;
  if (!isUnclear) return;
  throw new AgentplaneError(
    "usage_invalid",
    `agent "${agentName}" has MCP servers whose tools cannot be told apart: ` +
      `give them other names, or set mcpConfig.includeServerInToolNames`,
  );
}

/** Servers that are reached over HTTP go by their address, mostly, and that may hold a secret. */
function nameOf(server: MCPServer | undefined): string {
  return (server?.name ?? "").replace(/\/\/[^/@\s]*@/g, "//").replace(/[?#]\S*/g, "");
}
