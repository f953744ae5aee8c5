import { isRecord } from "../content/inline-file.ts";

/** Where providers write which tools of a server may be used: a list, or an object with one. */
const LISTS: ReadonlySet<string> = new Set(["toolconfiguration", "allowedtools", "toolnames"]);
const LABELS: ReadonlySet<string> = new Set(["serverlabel", "mcpservername", "servername"]);

/** A name as it is compared: the AI SDK's spelling and a provider's are one. */
export function wordOf(name: string): string {
  return name.replaceAll(/[_-]/g, "").toLowerCase();
}

/** What an MCP server is called that a provider's tool leads to; undefined for a tool that is no server. */
export function serverOf(settings: unknown): string | undefined {
  if (!isRecord(settings)) return undefined;
  const label = Object.entries(settings).find(([name]) => LABELS.has(wordOf(name)))?.[1];
  return typeof label === "string" && label !== "" ? label : undefined;
}

/** The tools that a server may offer; undefined without a list: whatever it has. */
export function listedTools(server: unknown): readonly string[] | undefined {
  const found = listsIn(server).flat();
  return found.length === 0 ? undefined : found;
}

function listsIn(server: unknown): readonly (readonly string[])[] {
  if (!isRecord(server)) return [];
  return Object.entries(server).flatMap(([name, member]) => {
    if (!LISTS.has(wordOf(name))) return [];
    return isNames(member) ? [member] : listsIn(member);
  });
}

/**
 * The server with those tools of its lists that stay; the very same where all do.
 * @param keep Asked in the order of `listedTools`.
 * @returns undefined where nothing of a list is left: an empty one may mean all.
 */
export function withListed(server: unknown, keep: (tool: string) => boolean): unknown {
  if (!isRecord(server)) return server;
  const members = Object.entries(server);
  const kept = members.map(([name, member]) => {
    if (!LISTS.has(wordOf(name))) return member;
    return isNames(member) ? keptNames(member, keep) : withListed(member, keep);
  });
  if (kept.every((member, at) => member === members[at]?.[1])) return server;
  if (kept.some((member, at) => member === undefined && members[at]?.[1] !== undefined)) return undefined;
  return Object.fromEntries(members.map(([name], at) => [name, kept[at]]));
}

function keptNames(names: readonly string[], keep: (tool: string) => boolean): readonly string[] | undefined {
  const left = names.filter((name) => keep(name));
  if (left.length === names.length) return names;
  return left.length === 0 ? undefined : left;
}

function isNames(value: unknown): value is readonly string[] {
  return Array.isArray(value) && value.length > 0 && value.every((name) => typeof name === "string");
}
