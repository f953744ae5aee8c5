import { recordOf, textOf, type JsonRecord } from "./json.ts";

// Requests say which tools of a remote MCP server they mean in two ways: a list of names, or an object with one.

/** @returns The names that a filter lists; undefined for one that lists none. */
export function filteredNames(filter: unknown): readonly string[] | undefined {
  const names = Array.isArray(filter) ? filter : recordOf(filter)?.["tool_names"];
  return Array.isArray(names) ? names.filter((name) => typeof name === "string") : undefined;
}

/** The filter with these names only; what else it says stays. */
export function filterOf(filter: unknown, names: readonly string[]): unknown {
  return Array.isArray(filter) ? names : { ...recordOf(filter), tool_names: names };
}

/** What a remote MCP server goes by; undefined for a tool that is none. */
export function remoteServerOf(tool: JsonRecord): string | undefined {
  if (tool["type"] !== "mcp") return undefined;
  return (
    textOf(tool["server_label"]) ?? textOf(tool["server_url"]) ?? textOf(tool["connector_id"]) ?? "unnamed"
  );
}
