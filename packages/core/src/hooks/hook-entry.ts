import { suggest } from "../base/did-you-mean.ts";
import type { PolicyContext } from "../context/context.ts";
import { compilePatterns, matchesTool } from "../policy/compile-selector.ts";
import type { Hook, HookFilter, HookOptions } from "./hook.ts";
import { hookInvalid } from "./hook-invalid.ts";

/** A registered hook, its options checked and compiled once. */
export interface HookEntry {
  readonly id: string;
  readonly hook: Hook;
  readonly order: number;
  /** Whether the filter selects a call; undefined selects all. */
  readonly matches: ((context: PolicyContext) => boolean) | undefined;
  /** Whether it could select a call of some tool that nobody can name yet; undefined selects all. */
  readonly couldMatch: ((caller: Caller, couldBe: CouldBeTool) => boolean) | undefined;
  /** Undefined where promises may take as long as they like. */
  readonly timeoutMs: number | undefined;
  readonly fallback: "block" | "continue";
  /** The engine's own: it sees the context itself, and its errors pass as they are. */
  readonly isLast: boolean;
}

/** Who calls, as far as a filter asks. */
export type Caller = Pick<PolicyContext, "agent" | "tenant">;

/** Whether a tool could be meant by a pattern that begins with these letters. */
export type CouldBeTool = (prefix: string) => boolean;

const DEFAULT_TIMEOUT_MS = 1_000;

// Longer delays overflow the timers of every runtime and would fire at once.
const MAX_TIMEOUT_MS = 2_147_483_647;

const OPTION_NAMES = ["id", "order", "filter", "timeoutMs", "fallback"] as const;
const FILTER_NAMES = ["tenants", "agents", "tools"] as const;

/**
 * Checks and compiles one registration.
 * @param hook The customer's function.
 * @param options As written; from JavaScript it may be anything.
 * @param id The name to use when the options have none.
 * @throws AgentplaneError `hook_invalid` naming the option and what to write instead.
 */
export function createHookEntry(hook: Hook, options: HookOptions, id: string): HookEntry {
  if (typeof hook !== "function") throw hookInvalid("a hook is a function (context) => change; pass one");
  checkNames("option", options, OPTION_NAMES);
  const { order = 0, timeoutMs = DEFAULT_TIMEOUT_MS, fallback = "block" } = options;
  if (!Number.isFinite(order))
    throw hookInvalid(`order is ${order}; use a finite number, lower runs earlier`);
  if (!(timeoutMs > 0 && timeoutMs <= MAX_TIMEOUT_MS)) {
    throw hookInvalid(`timeoutMs is ${timeoutMs}; use milliseconds above 0, such as 1000`);
  }
  if (fallback !== "block" && fallback !== "continue") {
    throw hookInvalid(`fallback is ${JSON.stringify(fallback)}; use "block" or "continue"`);
  }
  const filter = compileFilter(options.filter ?? {});
  return { id: checkId(options.id ?? id), hook, order, ...filter, timeoutMs, fallback, isLast: false };
}

/** The entry of the hook that always runs last. */
export function createLastEntry(id: string, hook: Hook): HookEntry {
  if (typeof hook !== "function") throw hookInvalid("a hook is a function (context) => change; pass one");
  return {
    id: checkId(id),
    hook,
    order: Infinity,
    ...ALL,
    timeoutMs: undefined,
    fallback: "block",
    isLast: true,
  };
}

type CompiledFilter = Pick<HookEntry, "matches" | "couldMatch">;

const ALL: CompiledFilter = { matches: undefined, couldMatch: undefined };

function compileFilter(filter: HookFilter): CompiledFilter {
  checkNames("filter", filter, FILTER_NAMES);
  const tenants = dimension("tenants", filter.tenants);
  const agents = dimension("agents", filter.agents);
  const tools = dimension("tools", filter.tools);
  if ((tenants ?? agents ?? tools) === undefined) return ALL;
  const isCaller = ({ tenant, agent }: Caller): boolean =>
    tenants?.matches(tenant) !== false && agents?.matches(agent.id) !== false;
  return {
    matches: (context) =>
      isCaller(context) &&
      (tools === undefined || (context.tool !== undefined && matchesTool(tools, context.tool, "deny"))),
    couldMatch: (caller, couldBe) => isCaller(caller) && tools?.prefixes.some(couldBe) !== false,
  };
}

function dimension(name: string, patterns: unknown): ReturnType<typeof compilePatterns> | undefined {
  if (patterns === undefined) return undefined;
  // An empty list matches nothing: a hook that never runs is a mistake, not a wish.
  if (!Array.isArray(patterns) || patterns.length === 0 || !patterns.every(isPattern)) {
    throw hookInvalid(`filter.${name} selects nothing; list globs such as "billing-*", or leave it out`);
  }
  return compilePatterns(patterns);
}

function isPattern(pattern: unknown): pattern is string {
  return typeof pattern === "string" && pattern !== "" && pattern !== "!";
}

function checkId(id: string): string {
  if (typeof id !== "string" || id === "") throw hookInvalid("the id of a hook is a text that is not empty");
  return id;
}

function checkNames(what: string, given: object, known: readonly string[]): void {
  const wrong = Object.keys(given).find((name) => !known.includes(name));
  if (wrong !== undefined) throw hookInvalid(`unknown ${what} "${wrong}"; ${suggest(wrong, known)}`);
}
