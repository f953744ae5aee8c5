import type { NamedTool } from "@agentplane/core";
import type { ModelRequest } from "langchain";

type Settings = NonNullable<ModelRequest["modelSettings"]>;

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

/** A tool that a setting offers, or one of several. */
export interface SettingTool extends NamedTool {
  readonly key: string;
  /** Its place, where the setting is a list. */
  readonly index: number | undefined;
}

/** What the provider would run because of the settings of a call: nobody is asked about it once they are sent. */
export function settingTools(settings: Settings | undefined): readonly SettingTool[] {
  return Object.entries(settings ?? {}).flatMap(([key, value]): readonly SettingTool[] => {
    if (value === undefined || value === null || value === false || !OFFERING.has(wordOf(key))) return [];
    if (!Array.isArray(value)) return [{ name: key, key, index: undefined }];
    return value.map((item: unknown, index) => ({ ...namedItem(key, item), key, index }));
  });
}

/** The settings with those alone of their tools that stay; a list of which nothing is left is left out. */
export function keptSettings(settings: Settings, kept: readonly SettingTool[]): Settings {
  const keys = new Set(settingTools(settings).map(({ key }) => key));
  return Object.fromEntries(
    Object.entries(settings).flatMap(([key, value]: [string, unknown]): [string, unknown][] => {
      if (!keys.has(key)) return [[key, value]];
      const own = kept.filter((tool) => tool.key === key);
      if (own.length === 0) return [];
      return [
        [key, Array.isArray(value) ? value.filter((_, at) => own.some(({ index }) => index === at)) : value],
      ];
    }),
  );
}

function namedItem(key: string, item: unknown): NamedTool {
  const name = nameOfOffered(item) ?? key;
  return wordOf(key) === "mcpservers" ? { name, server: name } : { name };
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

function wordOf(key: string): string {
  return key.replaceAll("_", "").toLowerCase();
}
