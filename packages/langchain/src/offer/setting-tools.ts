import type { NamedTool } from "@agentplane/core";

import { isPlainObject, type PlainObject } from "../content/message-content.ts";

/** Whether a tool stays. */
export type Keep = (tool: NamedTool) => boolean;

/**
 * The settings by which providers offer tools of their own beside those of the request, without `_` and in small letters:
 * the request members of OpenAI, Anthropic, Google and xAI.
 */
const OFFERING: ReadonlySet<string> = new Set([
  "tools",
  "mcpservers",
  "plugins",
  "connectors",
  "websearchoptions",
  "searchparameters",
  "googlesearch",
]);

/** What the provider would run because of settings of a call: nobody is asked about it once they are sent. */
export function settingTools(settings: object | undefined): readonly NamedTool[] {
  return settings === undefined ? [] : noted((keep) => keptSettings(settings, keep));
}

/** The settings with those alone of their tools that stay; the very same where all do. */
export function keptSettings<S extends object>(settings: S, keep: Keep): S {
  const members = Object.entries(settings);
  const kept = members.map(
    ([key, value]: [string, unknown]) => [key, keptSetting(key, value, keep)] as const,
  );
  if (kept.every(([, value], at) => value === members[at]?.[1])) return settings;
  const left: Record<string, unknown> = Object.fromEntries(kept.filter(([, value]) => value !== undefined));
  // The same record with fewer members.
  return (isChoosing(left) ? left : withoutChoice(left)) as S;
}

/** Whether what a call has to choose from is still there: a choice among other tools is an error at every provider. */
export function isChoosing({ tools, tool_choice: choice }: PlainObject): boolean {
  if (!Array.isArray(tools) || tools.length === 0) return false;
  const chosen = typeof choice === "string" && WAYS_TO_CHOOSE.has(choice) ? undefined : choice;
  const name = typeof chosen === "string" ? chosen : nameOfOffered(chosen);
  return name === undefined || WAYS_TO_CHOOSE.has(name) || tools.some((tool) => nameOfOffered(tool) === name);
}

const WAYS_TO_CHOOSE: ReadonlySet<string> = new Set(["auto", "any", "none", "required"]);

function withoutChoice({
  tool_choice: _choice,
  parallel_tool_calls: _parallel,
  ...rest
}: Record<string, unknown>): Record<string, unknown> {
  return rest;
}

/** @returns undefined where nothing of it is left: an empty list may mean all. */
function keptSetting(key: string, value: unknown, keep: Keep): unknown {
  if (value === undefined || value === null || value === false || !OFFERING.has(wordOf(key))) return value;
  if (!Array.isArray(value)) return keep({ name: key }) ? value : undefined;
  const left = value.map((item: unknown) => keptTool(item, keep, key));
  if (left.every((item, at) => item === value[at])) return value;
  const some = left.filter((item) => item !== undefined);
  return some.length === 0 ? undefined : some;
}

/** The tools that an item of a list of tools stands for: one, or with a server those of it that are named. */
export function toolsOf(item: unknown, key = "tools"): readonly NamedTool[] {
  return noted((keep) => keptTool(item, keep, key));
}

/**
 * The item with what may stay of it.
 * @param key The setting that holds it.
 * @returns undefined where nothing of it may.
 */
export function keptTool<T>(item: T, keep: Keep, key = "tools"): T | undefined {
  const name = nameOfOffered(item) ?? (key === "tools" ? "unnamed" : key);
  const server = isPlainObject(item) ? serverOf(item, key) : undefined;
  const isKept = keep(server === undefined ? { name } : { name, server });
  if (server === undefined || !isPlainObject(item)) return isKept ? item : undefined;
  // A server without a list offers whatever it has, and is judged by its own name.
  for (const place of NAMED) {
    const listed = place.read(item);
    if (!isNames(listed)) continue;
    const left = listed.filter((tool) => keep({ name: tool, server }));
    if (left.length === 0) return undefined;
    // The same kind of item.
    if (left.length < listed.length) return isKept ? (place.write(item, left) as T) : undefined;
  }
  return isKept ? item : undefined;
}

/** Everything that is asked about. */
function noted(walk: (keep: Keep) => unknown): readonly NamedTool[] {
  const tools: NamedTool[] = [];
  walk((tool) => tools.push(tool) > 0);
  return tools;
}

/** Tools of LangChain have a name; tools of a provider a type, or a function with a name. */
export function nameOfOffered(tool: unknown): string | undefined {
  if (typeof tool !== "object" || tool === null) return undefined;
  // Any shape, of which only texts are taken.
  const {
    name,
    type,
    function: described,
  } = tool as {
    readonly name?: unknown;
    readonly type?: unknown;
    readonly function?: { readonly name?: unknown };
  };
  return [name, described?.name, type].find(
    (text): text is string => typeof text === "string" && text !== "",
  );
}

/** A remote MCP server, as OpenAI and Anthropic have them. */
function serverOf(item: PlainObject, key: string): string | undefined {
  if (wordOf(key) === "mcpservers") return nameOfOffered(item) ?? key;
  const { type, server_label: label, server_url: url, mcp_server_name: name } = item;
  if (type !== "mcp" && type !== "mcp_toolset") return undefined;
  return [label, name, url].find((text): text is string => typeof text === "string" && text !== "");
}

/** Where an item names those tools of its server that it offers. */
const NAMED: readonly {
  readonly read: (item: PlainObject) => unknown;
  readonly write: (item: PlainObject, names: readonly string[]) => PlainObject;
}[] = [
  {
    read: ({ allowed_tools: list }) => list,
    write: (item, names) => ({ ...item, allowed_tools: names }),
  },
  {
    read: ({ allowed_tools: filter }) => membersOf(filter)["tool_names"],
    write: (item, names) => ({
      ...item,
      allowed_tools: { ...membersOf(item["allowed_tools"]), tool_names: names },
    }),
  },
  {
    read: ({ tool_configuration: configuration }) => membersOf(configuration)["allowed_tools"],
    write: (item, names) => ({
      ...item,
      tool_configuration: { ...membersOf(item["tool_configuration"]), allowed_tools: names },
    }),
  },
  {
    // Those that are switched on by name, where the others are off.
    read: ({ configs, default_config: others }) =>
      membersOf(others)["enabled"] === false
        ? Object.keys(membersOf(configs)).filter(
            (name) => membersOf(membersOf(configs)[name])["enabled"] !== false,
          )
        : undefined,
    write: (item, names) => ({
      ...item,
      configs: Object.fromEntries(names.map((name) => [name, membersOf(item["configs"])[name]])),
    }),
  },
];

function membersOf(value: unknown): PlainObject {
  return isPlainObject(value) ? value : {};
}

function isNames(value: unknown): value is readonly string[] {
  return Array.isArray(value) && value.length > 0 && value.every((name) => typeof name === "string");
}

function wordOf(key: string): string {
  return key.replaceAll("_", "").toLowerCase();
}
