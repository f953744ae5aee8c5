import type { OfferedTool, UnseenTools } from "./dialect.ts";
import { listOf, recordOf, textOf, type JsonRecord } from "./json.ts";

// Remote MCP servers of Anthropic run every call at once: a tool of one is offered, or not.

const INSTEAD =
  "Offer only tools that no policy concerns, each by its name: in configs, with default_config: { enabled: false }, or in " +
  "tool_configuration.allowed_tools; or set unaskedCalls: 'leave' if that is wanted";

/**
 * The tools that an entry of `mcp_servers` or an `mcp_toolset` names, and no others are offered by it.
 * @returns undefined where it leaves them open, or is neither
 */
export function toolsetNames(tool: JsonRecord): readonly string[] | undefined {
  const configuration = configurationOf(tool);
  if (configuration !== undefined) {
    if (configuration["enabled"] === false) return [];
    const allowed = configuration["allowed_tools"];
    return Array.isArray(allowed) ? allowed.filter((name) => typeof name === "string") : undefined;
  }
  if (!isToolset(tool) || recordOf(tool["default_config"])?.["enabled"] !== false) return undefined;
  return Object.entries(recordOf(tool["configs"]) ?? {}).flatMap(([name, config]) =>
    recordOf(config)?.["enabled"] === false ? [] : [name],
  );
}

/** The same with these of its tools only. */
export function withToolsetNames(tool: JsonRecord, names: readonly string[]): JsonRecord {
  const configuration = configurationOf(tool);
  if (configuration !== undefined)
    return { ...tool, tool_configuration: { ...configuration, allowed_tools: names } };
  const configs = Object.entries(recordOf(tool["configs"]) ?? {}).filter(([name]) => names.includes(name));
  return { ...tool, configs: Object.fromEntries(configs) };
}

/** What a request to Anthropic lets remote MCP servers run. */
export function unseenServers(request: JsonRecord): readonly UnseenTools[] {
  const toolsets = listOf(request["tools"])
    .map((tool) => recordOf(tool) ?? {})
    .filter(isToolset);
  const named = new Set(toolsets.map((tool) => tool["mcp_server_name"]));
  const alone = listOf(request["mcp_servers"])
    .map((server) => recordOf(server) ?? {})
    .filter(({ name }) => !named.has(name));
  return [...toolsets, ...alone].map((tool) => {
    const server = textOf(tool["mcp_server_name"]) ?? textOf(tool["name"]) ?? textOf(tool["url"]);
    const source = server === undefined ? "a remote MCP server" : `the remote MCP server "${server}"`;
    return { server, names: toolsetNames(tool), source, instead: INSTEAD };
  });
}

/** Of an entry of `mcp_servers` alone: what a toolset says there, the API does not read. */
function configurationOf(tool: JsonRecord): JsonRecord | undefined {
  return isToolset(tool) ? undefined : recordOf(tool["tool_configuration"]);
}

function isToolset({ type }: JsonRecord): boolean {
  return type === "mcp_toolset";
}

/** The tools of a remote server that are named. */
export function namedTools(server: string, names: readonly string[] | undefined): readonly OfferedTool[] {
  return (names ?? []).map((name) => ({ name, server }));
}
