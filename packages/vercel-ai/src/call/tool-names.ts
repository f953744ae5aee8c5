import type { NamedTool } from "@agentplane/core";

const known = new WeakMap<object, NamedTool>();

/**
 * What a tool is known by: the name the model calls it by, its server, and another name it has. That is the provider's
 * own for a tool of its kind, or the one under which it was guarded before: a new name must not lead around a policy.
 * @param name As it stands in the tool set.
 * @param tool The tool of that name, undefined where there is none.
 * @param server Where it comes from; default: what was said when it was guarded.
 */
export function toolNames(name: string, tool: object | undefined, server?: string): NamedTool {
  const before = tool && known.get(tool);
  const from = server ?? before?.server;
  const original = providerName(tool) ?? before?.originalName ?? before?.name;
  return {
    name,
    ...(from !== undefined && { server: from }),
    ...(original !== undefined && original !== name && { originalName: original }),
  };
}

/** Remembers by what a guarded tool is known; given back for convenience. */
export function withNames<T extends object>(tool: T, names: NamedTool): T {
  known.set(tool, names);
  return tool;
}

/** `openai.web_search` for a tool that an application has called `look`. */
function providerName(tool: object | undefined): string | undefined {
  if (tool === undefined || !("type" in tool) || tool.type !== "provider" || !("id" in tool))
    return undefined;
  return typeof tool.id === "string" ? tool.id : undefined;
}
