import type { OfferedTool } from "./dialect.ts";
import { listOf, recordOf, textOf, type JsonRecord } from "./json.ts";

/** Where a request lists tools; the second is what chat completions had before `tools`. */
const LISTS = ["tools", "functions"] as const;
const CHOICES = ["tool_choice", "function_call"] as const;

/**
 * The tools of a request: functions and custom tools by name, tools that run at the provider by type, remote MCP
 * servers as `mcp` on their server.
 */
export function offeredTools(request: JsonRecord): readonly OfferedTool[] {
  return LISTS.flatMap((list) => listOf(request[list])).map(toolOf);
}

/** The request without the tools that may not be offered. A choice of one of those would be refused by the provider. */
export function keptTools(request: JsonRecord, kept: ReadonlySet<number>): JsonRecord {
  const next: Record<string, unknown> = { ...request };
  const names = new Set<string>();
  let position = 0;
  for (const list of LISTS) {
    if (request[list] === undefined) continue;
    const tools = listOf(request[list]).filter(() => kept.has(position++));
    for (const tool of tools) names.add(toolOf(tool).name);
    if (tools.length === 0) delete next[list];
    else next[list] = tools;
  }
  for (const choice of CHOICES) {
    const chosen = recordOf(request[choice]);
    if (names.size === 0 || (chosen !== undefined && !names.has(toolOf(chosen).name))) delete next[choice];
  }
  if (names.size === 0) delete next["parallel_tool_calls"];
  return next;
}

function toolOf(value: unknown): OfferedTool {
  const tool = recordOf(value) ?? {};
  const described = recordOf(tool["function"]) ?? recordOf(tool["custom"]) ?? tool;
  const name = textOf(described["name"]);
  if (name !== undefined) return { name };
  const type = textOf(tool["type"]) ?? "unnamed";
  const server = textOf(tool["server_label"]) ?? textOf(tool["server_url"]);
  return server === undefined ? { name: type } : { name: type, server };
}
