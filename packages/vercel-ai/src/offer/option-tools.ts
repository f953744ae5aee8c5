import type { NamedTool } from "@agentplane/core";
import type { LanguageModelV4CallOptions } from "@ai-sdk/provider";

import type { OfferableTool } from "./allowed-tools.ts";
import { listedTools, serverOf, withListed, wordOf } from "./hosted-servers.ts";
import { isRecord } from "../content/inline-file.ts";

type Options = Readonly<Record<string, unknown>>;
/** Whether a tool stays. */
type Keep = (tool: OfferableTool) => boolean;

/**
 * The options by which providers search, call MCP servers or offer tools that no request lists, in the AI SDK's spelling
 * and as raw members of a request: read in the option schemas of the providers for `ai` 7, and of xAI, Google, Alibaba,
 * Azure and OpenRouter in their documentation.
 */
const OPTIONS: ReadonlySet<string> = new Set([
  "mcpservers",
  "tools",
  "plugins",
  "connectors",
  "searchparameters",
  "usesearchgrounding",
  "googlesearch",
  "websearch",
  "websearchoptions",
  "enablesearch",
  "datasources",
]);
/** Lists of tools that a message brings. */
const LISTS: ReadonlySet<string> = new Set(["additionaltools", "toolchanges"]);
/** Options are data of a few levels: deeper than that, nothing is read by a provider. */
const MAX_DEPTH = 8;

/** What providers would run because of the options of a call: nobody is asked about it once they are sent. */
export function optionTools(options: Options | undefined): readonly OfferableTool[] {
  const tools: OfferableTool[] = [];
  keptOptions(options, (tool) => tools.push(tool) > 0);
  return tools;
}

/** What they would run because of a message, or of a part of one, which a client may have written. */
export function promptTools(prompt: LanguageModelV4CallOptions["prompt"]): readonly OfferableTool[] {
  return prompt.flatMap(({ providerOptions, content }) => [
    ...optionTools(providerOptions),
    ...(typeof content === "string" ? [] : content.flatMap(partTools)),
  ]);
}

/** Of a part, and of what a tool result holds. */
function partTools(part: { readonly providerOptions?: Options | undefined }): readonly OfferableTool[] {
  const output = "output" in part && isRecord(part.output) ? part.output : {};
  const items: readonly unknown[] = Array.isArray(output["value"]) ? output["value"] : [];
  return [part, output, ...items].flatMap((one) =>
    isRecord(one) && isRecord(one["providerOptions"]) ? optionTools(one["providerOptions"]) : [],
  );
}

/** The options with those alone of their tools that stay; the very same where all do. */
export function keptOptions<Given extends Options>(
  options: Given | undefined,
  keep: Keep,
): Given | undefined {
  // The same record with fewer members.
  return options && (keptMembers(options, keep, []) as Given);
}

function keptMembers(options: Options, keep: Keep, path: readonly string[]): Options {
  const members = Object.entries(options);
  const kept = members.map(([name, value]) => [name, keptMember(value, keep, [...path, name])] as const);
  if (kept.every(([, value], position) => value === members[position]?.[1])) return options;
  return Object.fromEntries(kept.filter(([, value]) => value !== undefined));
}

function keptMember(value: unknown, keep: Keep, path: readonly string[]): unknown {
  const name = path.at(-1) ?? "";
  const word = wordOf(name);
  // The first member names the provider.
  const isOption = path.length > 1;
  if (isOff(word, value)) return value;
  if (isOption && word === "mcpservers" && typeof value === "object") return keptServers(value, keep, path);
  if (isOption && LISTS.has(word) && Array.isArray(value))
    return keptItems(value, (item) => (isKeptItem(item, keep, path) ? item : undefined));
  if (isOption && (OPTIONS.has(word) || LISTS.has(word))) {
    const server = word === "mcpservers" ? { server: name, isUnlisted: true, isUnnamed: true } : {};
    return keep({ name, originalName: path.join("."), ...server }) ? value : undefined;
  }
  return isRecord(value) && path.length < MAX_DEPTH ? keptMembers(value, keep, path) : value;
}

/** @returns undefined for a list of which nothing is left: an empty one may mean all. */
function keptItems(items: readonly unknown[], kept: (item: unknown) => unknown): unknown {
  const left = items.map(kept);
  if (left.every((item, position) => item === items[position])) return items;
  const some = left.filter((item) => item !== undefined);
  return some.length === 0 ? undefined : some;
}

/** Servers in a list, or as members by their names, or one that is no list. */
function keptServers(servers: object | null, keep: Keep, path: readonly string[]): unknown {
  const keptOne = (server: unknown, key?: string): unknown => keptServer(server, { keep, path, key });
  if (Array.isArray(servers)) return keptItems(servers, (server) => keptOne(server));
  const members = Object.entries(servers ?? {});
  const isOne = nameOf(servers) !== undefined || !members.every(([, member]) => isRecord(member));
  if (isOne) return keptOne(servers);
  const kept = members.map(([name, server]) => [name, keptOne(server, name)] as const);
  if (kept.every(([, server], at) => server === members[at]?.[1])) return servers;
  const left = kept.filter(([, server]) => server !== undefined);
  return left.length === 0 ? undefined : Object.fromEntries(left);
}

/** A server offers the tools of its list; one without a list whatever it has. */
function keptServer(
  server: unknown,
  {
    keep,
    path,
    key,
  }: { readonly keep: Keep; readonly path: readonly string[]; readonly key: string | undefined },
): unknown {
  const own = nameOf(server) ?? key;
  const name = own ?? path.at(-1) ?? "";
  const isUnnamed = own === undefined;
  const originalName = path.join(".");
  if (listedTools(server) !== undefined)
    return withListed(server, (tool) => keep({ name: tool, server: name, isUnlisted: isUnnamed, isUnnamed }));
  return keep({ name, server: name, originalName, isUnlisted: true, isUnnamed }) ? server : undefined;
}

function nameOf(server: unknown): string | undefined {
  return textOf(server, "name") ?? serverOf(server);
}

function isKeptItem(item: unknown, keep: Keep, path: readonly string[]): boolean {
  const tool = isRecord(item) && isRecord(item["tool"]) ? item["tool"] : item;
  const type = textOf(tool, "type") ?? path.at(-1) ?? "";
  // What runs here is decided when it is called; what only names a tool brings none.
  if (["function", "custom", "tool_addition", "tool_removal"].includes(type)) return true;
  const settings = isRecord(tool) && isRecord(tool["args"]) ? tool["args"] : tool;
  const server = serverOf(settings);
  const originalName = textOf(tool, "id") ?? `${path[0] ?? ""}.${type}`;
  const listed = serverTools(settings);
  const name = textOf(tool, "name") ?? type;
  const own = {
    name,
    originalName,
    ...(server !== undefined && { server, isUnlisted: listed.length === 0 }),
  };
  // Each is asked about, whatever the answers before: the order tells which is which.
  const answers = [own, ...listed].map((one) => keep(one));
  return answers.every(Boolean);
}

/** The tools of a hosted server that a tool of the provider leads to, as far as it lists them. */
export function serverTools(settings: unknown): readonly NamedTool[] {
  const server = serverOf(settings);
  const listed = server === undefined ? undefined : listedTools(settings);
  return (listed ?? []).map((name) => ({ name, ...(server !== undefined && { server }) }));
}

function isOff(word: string, value: unknown): boolean {
  if (value === undefined || value === null || value === false) return true;
  if (Array.isArray(value)) return value.length === 0;
  return word === "searchparameters" && textOf(value, "mode") === "off";
}

function textOf(value: unknown, member: string): string | undefined {
  const text = isRecord(value) ? value[member] : undefined;
  return typeof text === "string" && text !== "" ? text : undefined;
}
