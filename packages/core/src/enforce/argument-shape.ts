import { requireList, requireText } from "../base/argument.ts";
import { AgentplaneError } from "../base/errors.ts";

/** How a function's arguments become an input that rules can read, and an input its arguments. */
export interface ArgumentShape {
  toInput(args: readonly unknown[]): unknown;
  /**
   * @param input As it was decided: a hook, a rule or a person may have changed it.
   * @param original The arguments of the call.
   * @throws AgentplaneError `usage_invalid` where the input says something that no argument could carry: what was
   *   decided is exactly what runs, or nothing does
   */
  toArguments(input: unknown, original: readonly unknown[]): readonly unknown[];
}

/**
 * One object is taken as named arguments, as most tools have it; everything else is positional, under its given names or
 * as `args`.
 * @param tool Names the function in errors.
 * @param parameters Names of the positional arguments.
 * @throws AgentplaneError `usage_invalid` for names that would hide an argument
 */
export function argumentShape(tool: string, parameters: readonly string[] | undefined): ArgumentShape {
  if (parameters !== undefined) checkParameters(parameters, tool);
  return {
    toInput(args) {
      if (parameters === undefined) return isNamed(args) ? args[0] : { args };
      const named: Record<string, unknown> = {};
      for (const [position, name] of parameters.entries()) named[name] = args[position];
      // Arguments beyond the named ones are inspected too.
      return args.length > parameters.length ? { ...named, args: args.slice(parameters.length) } : named;
    },
    toArguments(input, original) {
      if (typeof input !== "object" || input === null) return [input];
      if (parameters === undefined && isNamed(original)) return [input];
      return positional(input, original, { tool, names: parameters ?? [] });
    },
  };
}

function positional(
  input: object,
  original: readonly unknown[],
  { tool, names }: { readonly tool: string; readonly names: readonly string[] },
): readonly unknown[] {
  const members = new Map<string, unknown>(Object.entries(input));
  const rest = members.get("args") ?? [];
  const lost = [...members.keys()].find((name) => name !== "args" && !names.includes(name));
  if (lost !== undefined) throw unplaced(tool, `"${lost}"`);
  if (!Array.isArray(rest)) throw unplaced(tool, '"args" that is no list');
  // An argument may have been added to those of the call; those behind the last one given stay left out.
  const given = rest.length > 0 ? names.length : 1 + names.findLastIndex((name) => members.has(name));
  const count = Math.max(given, Math.min(original.length, names.length));
  const all: unknown[] = [...names.slice(0, count).map((name) => members.get(name)), ...rest];
  // JSON has no undefined: an argument that was left out stays left out, so that its default applies.
  return all.map((value, at) => (value === null && original[at] === undefined ? undefined : value));
}

function unplaced(tool: string, what: string): AgentplaneError {
  return new AgentplaneError(
    "usage_invalid",
    `the input of ${tool} was changed to have ${what}, and no argument carries it; name its arguments in parameters, or take one object`,
  );
}

/** Two arguments under one name, or one under the name of the rest, would leave one of them uninspected. */
function checkParameters(parameters: readonly string[], tool: string): void {
  requireList(`the parameters of ${tool}`, parameters);
  for (const name of parameters) requireText(`a parameter of ${tool}`, name);
  const isHiding = parameters.includes("args") || new Set(parameters).size < parameters.length;
  if (!isHiding) return;
  throw new AgentplaneError(
    "usage_invalid",
    `the parameters of ${tool} need names of their own, none of them "args"`,
  );
}

function isNamed(args: readonly unknown[]): boolean {
  const [only] = args;
  return args.length === 1 && typeof only === "object" && only !== null && !Array.isArray(only);
}
