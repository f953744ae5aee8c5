import type { OfferedTool } from "./dialect.ts";
import { listOf, recordOf, textOf, type JsonRecord } from "./json.ts";
import { filteredNames, filterOf, remoteServerOf } from "./tool-filter.ts";
import { namedTools, toolsetNames, withToolsetNames } from "./toolsets.ts";

/**
 * Where a request lists what a model may use: tools; what chat completions had before `tools`; the sources that Azure
 * searches; the remote servers of Anthropic.
 */
const LISTS = ["tools", "functions", "data_sources", "mcp_servers"] as const;
const CHOICES = ["tool_choice", "function_call"] as const;
/** Chat completions ask for a search with a member of its own. */
const SEARCH_MEMBER = "web_search_options";
const SEARCH: OfferedTool = { name: "web_search" };
/** Items of an input that bring tools along, in the middle of a conversation. */
export const CARRIERS: ReadonlySet<unknown> = new Set<unknown>(["additional_tools", "tool_search_output"]);

/**
 * The tools of a request: functions and custom tools by name, tools that run at the provider by type, remote MCP
 * servers as `mcp` on their server, and those tools of them that the request names.
 */
export function offeredTools(request: JsonRecord): readonly OfferedTool[] {
  const found: OfferedTool[] = [];
  for (const list of LISTS) {
    for (const tool of listOf(request[list])) found.push(toolOf(tool, list), ...namedIn(tool, list));
  }
  if (isSearching(request)) found.push(SEARCH);
  for (const item of listOf(request["input"])) {
    for (const tool of carriedTools(item)) found.push(toolOf(tool), ...namedIn(tool));
  }
  return found;
}

/** The request without the tools that may not be offered. A choice of one of those would be refused by the provider. */
export function keptTools(request: JsonRecord, kept: ReadonlySet<number>): JsonRecord {
  const next: Record<string, unknown> = { ...request };
  const names = new Set<string>();
  let position = 0;
  // In the order in which they were told.
  const keptOf = (tool: unknown, list?: string): readonly unknown[] => {
    const isOffered = kept.has(position++);
    const named = namedIn(tool, list);
    const left = named.filter(() => kept.has(position++));
    if (!isOffered || (named.length > 0 && left.length === 0)) return [];
    for (const { name } of [toolOf(tool, list), ...left]) names.add(name);
    return [left.length === named.length ? tool : withNames(tool, left)];
  };
  for (const list of LISTS) {
    if (request[list] === undefined) continue;
    const tools = listOf(request[list]).flatMap((tool) => keptOf(tool, list));
    // A stored prompt brings its own tools where the request names none.
    if (tools.length === 0 && (list !== "tools" || !hasPrompt(request))) delete next[list];
    else next[list] = tools;
  }
  if (isSearching(request) && !kept.has(position++)) delete next[SEARCH_MEMBER];
  if (Array.isArray(request["input"])) {
    next["input"] = request["input"].map((item: unknown) => {
      const carried = carriedTools(item);
      if (carried.length === 0) return item;
      return { ...recordOf(item), tools: carried.flatMap((tool) => keptOf(tool)) };
    });
  }
  for (const choice of CHOICES) {
    const chosen = recordOf(request[choice]);
    if (names.size === 0 || (chosen !== undefined && !names.has(toolOf(chosen).name))) delete next[choice];
  }
  if (names.size === 0) delete next["parallel_tool_calls"];
  return next;
}

function isSearching(request: JsonRecord): boolean {
  return request[SEARCH_MEMBER] !== undefined && request[SEARCH_MEMBER] !== null;
}

function carriedTools(item: unknown): readonly unknown[] {
  const { type, tools } = recordOf(item) ?? {};
  return CARRIERS.has(type) ? listOf(tools) : [];
}

function toolOf(value: unknown, list?: string): OfferedTool {
  const tool = recordOf(value) ?? {};
  if (list === "mcp_servers") return remoteServer(textOf(tool["name"]) ?? textOf(tool["url"]));
  if (tool["type"] === "mcp_toolset") return remoteServer(textOf(tool["mcp_server_name"]));
  const described = recordOf(tool["function"]) ?? recordOf(tool["custom"]) ?? tool;
  const name = textOf(described["name"]);
  if (name !== undefined) return { name };
  const type = textOf(tool["type"]) ?? "unnamed";
  const server = remoteServerOf(tool) ?? textOf(tool["server_label"]) ?? textOf(tool["server_url"]);
  return server === undefined ? { name: type } : { name: type, server };
}

/** The tools of a remote MCP server that a request names, and those of a namespace; none where it says none. */
function namedIn(value: unknown, list?: string): readonly OfferedTool[] {
  const tool = recordOf(value) ?? {};
  if (isNamespace(tool)) return listOf(tool["tools"]).map((inner) => toolOf(inner));
  const server = remoteServerOf(tool);
  if (server !== undefined) return namedTools(server, filteredNames(tool["allowed_tools"]));
  const { server: remote } = toolOf(tool, list);
  return remote !== undefined && isToolset(tool, list) ? namedTools(remote, toolsetNames(tool)) : [];
}

function isNamespace({ type }: JsonRecord): boolean {
  return type === "namespace";
}

function isToolset({ type }: JsonRecord, list: string | undefined): boolean {
  return list === "mcp_servers" || type === "mcp_toolset";
}

/** Whether a request names a prompt that the provider keeps: it may bring tools along. */
export function hasPrompt({ prompt }: JsonRecord): boolean {
  return textOf(recordOf(prompt)?.["id"]) !== undefined;
}

/** The tool with these of its names only, wherever it says them. */
function withNames(value: unknown, left: readonly OfferedTool[]): unknown {
  const tool = recordOf(value) ?? {};
  const names = left.map(({ name }) => name);
  if (isNamespace(tool)) {
    return { ...tool, tools: listOf(tool["tools"]).filter((inner) => names.includes(toolOf(inner).name)) };
  }
  if (remoteServerOf(tool) === undefined) return withToolsetNames(tool, names);
  const approval = recordOf(tool["require_approval"]);
  return {
    ...tool,
    allowed_tools: filterOf(tool["allowed_tools"], names),
    ...(approval !== undefined && { require_approval: approvalOf(approval, names) }),
  };
}

/** A provider may refuse to hear of a tool that is not offered. */
function approvalOf(approval: JsonRecord, names: readonly string[]): unknown {
  const filters = Object.entries(approval).flatMap(([when, filter]): readonly [string, unknown][] => {
    const left = filteredNames(filter)?.filter((name) => names.includes(name));
    if (left === undefined) return [[when, filter]];
    return left.length === 0 ? [] : [[when, filterOf(filter, left)]];
  });
  // What no filter names is asked for.
  return filters.length === 0 ? "always" : Object.fromEntries(filters);
}

function remoteServer(server: string | undefined): OfferedTool {
  return server === undefined ? { name: "mcp" } : { name: "mcp", server };
}
