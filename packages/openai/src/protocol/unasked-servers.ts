import { listOf, recordOf, type JsonRecord } from "./json.ts";
import { CARRIERS } from "./offered-tools.ts";
import { filteredNames, remoteServerOf } from "./tool-filter.ts";

/** The tools of a remote MCP server that a request lets run without asking. */
export interface UnaskedServer {
  readonly server: string;
  /** Their names; undefined where the request does not say them. */
  readonly names: readonly string[] | undefined;
}

/** Whether a server must ask for the tool of this name; undefined: for those that no name is known of. */
export type MustAsk = (server: string, name: string | undefined) => boolean;

/** What a request of the Responses API lets run without asking, server by server. */
export function unaskedServers(request: JsonRecord): readonly UnaskedServer[] {
  return toolLists(request).flatMap((tools) => tools.flatMap((tool) => unaskedOf(tool) ?? []));
}

/** The request in which servers ask for the tools that they must ask for. */
export function withAsking(request: JsonRecord, mustAsk: MustAsk): JsonRecord {
  const asking = (tools: unknown): readonly unknown[] =>
    listOf(tools).map((tool) => askingTool(tool, mustAsk));
  const { tools, input } = request;
  return {
    ...request,
    ...(Array.isArray(tools) && { tools: asking(tools) }),
    ...(Array.isArray(input) && {
      input: input.map((item: unknown) =>
        carries(item) ? { ...recordOf(item), tools: asking(recordOf(item)?.["tools"]) } : item,
      ),
    }),
  };
}

function toolLists({ tools, input }: JsonRecord): readonly (readonly unknown[])[] {
  return [
    listOf(tools),
    ...listOf(input)
      .filter(carries)
      .map((item) => listOf(recordOf(item)?.["tools"])),
  ];
}

function carries(item: unknown): boolean {
  return CARRIERS.has(recordOf(item)?.["type"]);
}

function unaskedOf(value: unknown): UnaskedServer | undefined {
  const tool = recordOf(value) ?? {};
  const { require_approval: approval, allowed_tools: allowed } = tool;
  const server = remoteServerOf(tool);
  // What is not said is asked for.
  if (server === undefined || approval === undefined || approval === null || approval === "always")
    return undefined;
  const allowedNames = filteredNames(allowed);
  const never = recordOf(approval)?.["never"];
  if (recordOf(approval) !== undefined && recordOf(never) === undefined) return undefined;
  const names = filteredNames(never) ?? allowedNames;
  return { server, names: names?.filter((name) => allowedNames?.includes(name) !== false) };
}

function askingTool(tool: unknown, mustAsk: MustAsk): unknown {
  const unasked = unaskedOf(tool);
  if (unasked === undefined) return tool;
  const { server, names } = unasked;
  const asked = (names ?? [undefined]).filter((name) => mustAsk(server, name));
  if (asked.length === 0) return tool;
  const silent = (names ?? []).filter((name) => !asked.includes(name));
  const own = filteredNames(recordOf(recordOf(recordOf(tool)?.["require_approval"])?.["always"])) ?? [];
  const always = { tool_names: [...new Set([...own, ...asked])] };
  return {
    ...recordOf(tool),
    // A tool of a filter that is in no list is asked for, as all are that are not named.
    require_approval: silent.length === 0 ? "always" : { always, never: { tool_names: silent } },
  };
}
