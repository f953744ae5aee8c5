import type { ToolSet } from "ai";

import { markGuarded, unguarded } from "../call/guarded-mark.ts";
import { guardedExecute } from "./guarded-tool.ts";
import type { GovernedIdentity } from "../call/identity.ts";
import { checkGoverned, checkNames } from "../call/option-check.ts";
import type { GovernedPlane } from "../call/plane.ts";
import { guardedCaller } from "./tool-caller.ts";
import { toolNames, withNames } from "../call/tool-names.ts";
import type { AnyTool, ToolOptions, ToolSettings } from "../call/tool-settings.ts";

/**
 * Puts every tool that runs here behind the plane, at the moment it runs: also one that was hidden and called all the
 * same, approved, replayed, renamed, or called by other code. Tools without `execute` (the provider's, the browser's)
 * stay as they are: they are hidden by `guardModel` and refused by `guardApproval`.
 * @param plane What `createAgentPlane` returned.
 * @param identity Who the agent is.
 * @param tools A tool set; not changed. Everything but `execute` stays what it was.
 * @throws ConfigError for an unknown member of `identity` or `options`
 * @example
 * const tools = guardTools(plane, { agent: "support" }, await mcp.tools(), { server: "github" });
 */
export function guardTools<Tools extends ToolSet>(
  plane: GovernedPlane,
  identity: GovernedIdentity,
  tools: Tools,
  options: ToolOptions = {},
): Tools {
  checkGoverned("guardTools", identity);
  checkNames("guardTools", options, ["server", "providerOptions"]);
  return guardedTools({ plane, identity, ...options }, tools);
}

/** The same, for options that are checked. */
export function guardedTools<Tools extends ToolSet>(settings: ToolSettings, tools: Tools): Tools {
  // fromEntries defines members: a tool may be called `__proto__`.
  const guarded = Object.fromEntries(
    Object.entries(tools).map(([name, tool]) => [name, guardTool(settings, name, tool)]),
  );
  // The same names with tools of the same types.
  return guarded as Tools;
}

function guardTool(settings: ToolSettings, name: string, given: AnyTool): AnyTool {
  const { plane, server } = settings;
  const tool = unguarded(given, plane);
  const names = toolNames(name, given, server);
  const execute = guardedExecute(settings, names, tool);
  if (execute === undefined) return tool;
  const caller = guardedCaller(tool, (bound) => guardTool(settings, name, bound));
  const guarded = withMembers(tool, { execute, ...caller });
  // The function too: a copy of the tool, which an application may make, still goes through the plane.
  markGuarded(execute, { plane, original: tool });
  return withNames(markGuarded(guarded, { plane, original: tool }), names);
}

/** What the SDK calls on a tool beside `execute`. */
const METHODS = [
  "toModelOutput",
  "needsApproval",
  "onInputStart",
  "onInputDelta",
  "onInputAvailable",
  "description",
] as const;

/**
 * The tool with other members of the same names. Its own members are copied, so that a spread takes them along; whatever
 * a class or a proxy provides is inherited from the tool itself.
 */
function withMembers(tool: AnyTool, changed: Readonly<Record<string, unknown>>): AnyTool {
  const own: PropertyDescriptorMap = Object.fromEntries(
    Reflect.ownKeys(tool).map((name) => {
      const enumerable = Object.prototype.propertyIsEnumerable.call(tool, name);
      // A frozen tool, and one with getters, is copied as it is now.
      return [name, { value: Reflect.get(tool, name), writable: true, configurable: true, enumerable }];
    }),
  );
  if (!isPlain(tool)) bindMethods(tool, own);
  for (const [name, value] of Object.entries(changed))
    own[name] = { value, writable: true, configurable: true, enumerable: own[name]?.enumerable ?? true };
  // Everything of the tool, but for functions of the same signatures.
  return Object.create(tool, own) as AnyTool;
}

/** A method of a class may use private members, which only the very tool has. */
function bindMethods(tool: AnyTool, own: PropertyDescriptorMap): void {
  for (const name of METHODS) {
    const method: unknown = Reflect.get(tool, name);
    if (typeof method !== "function") continue;
    const value: unknown = (...given: readonly unknown[]): unknown => Reflect.apply(method, tool, given);
    own[name] = { value, writable: true, configurable: true, enumerable: own[name]?.enumerable === true };
  }
}

function isPlain(tool: object): boolean {
  const prototype: unknown = Object.getPrototypeOf(tool);
  return prototype === Object.prototype || prototype === null;
}
