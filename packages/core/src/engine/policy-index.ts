import { assertNever } from "../base/assert-never.ts";
import { sortInSlices } from "../base/sliced-sort.ts";
import type { SlicedWork } from "../base/sliced-work.ts";
import type { PolicyContext, ToolCall } from "../context/context.ts";
import { afterOf, type Hookpoint } from "../context/hookpoint.ts";
import { matchesTool, type DimensionTest } from "../policy/compile-selector.ts";
import { byPrecedence, type CompiledPolicy } from "./compiled-policy.ts";
import { couldAsk } from "./could-ask.ts";
import type { DecidedTable } from "./decided-before.ts";
import type { Plan } from "./plan.ts";
import { createPlanCache } from "./plan-cache.ts";

/**
 * Policies filed by what they select, so that a decision costs as many rules as match, not as many as exist. Built
 * whole and swapped by reference: a decision under way keeps the index it started with.
 */
export interface PolicyIndex {
  readonly policies: readonly CompiledPolicy[];
  /** Some enforcing policy selects by tenant: a context without one cannot be judged. */
  readonly needsTenant: boolean;
  readonly needsUser: boolean;
  /** Some rule could have a human asked, about some call. */
  readonly couldAsk: boolean;
  /** The decisions in which no rule had a part; see `templateBefore`. */
  readonly decided: DecidedTable;
  /**
   * The rules that concern this context. O(1) after the first time; a miss probes the filed keys.
   * @param hookpoint Default: the context's own; another one looks ahead.
   */
  planFor(context: PolicyContext, hookpoint?: Hookpoint): Plan;
  /** The rules that will concern the result of this call: mostly asked for right before they are run. */
  planAfter(context: PolicyContext): Plan;
}

/** Files compiled policies, in steps. O(n log n) once. */
export function* indexInSlices(unsorted: readonly CompiledPolicy[]): SlicedWork<PolicyIndex> {
  const policies = yield* sortInSlices(unsorted, byPrecedence);
  return createIndex(policies, yield* createShelf(policies));
}

function createIndex(policies: readonly CompiledPolicy[], shelf: Shelf): PolicyIndex {
  const plans = createPlanCache(policies.some(({ selector }) => selector.agents !== undefined));
  // One for all calls: another for each would be an object more.
  const ahead: Ahead = {
    tool: undefined,
    agent: undefined,
    tenant: undefined,
    hookpoint: "",
    plan: undefined,
  };
  const enforcing = policies.filter(({ isShadow }) => !isShadow);
  return {
    policies,
    needsTenant: enforcing.some(({ selector }) => selector.tenants !== undefined),
    needsUser: enforcing.some(({ selector }) => selector.users !== undefined),
    couldAsk: policies.some(({ entries }) => entries.some(couldAsk)),
    decided: { latest: undefined, others: [] },
    planFor(context, hookpoint = context.hookpoint) {
      const { plan } = ahead;
      if (
        plan !== undefined &&
        ahead.tool === context.tool &&
        ahead.agent === context.agent &&
        ahead.tenant === context.tenant &&
        ahead.hookpoint === hookpoint
      )
        return plan;
      return (
        plans.find(context, hookpoint) ??
        plans.remember(context, hookpoint, matching(shelf, context, hookpoint))
      );
    },
    planAfter(context) {
      const hookpoint = afterOf(context.hookpoint);
      const plan = this.planFor(context, hookpoint);
      ahead.tool = context.tool;
      ahead.agent = context.agent;
      ahead.tenant = context.tenant;
      ahead.hookpoint = hookpoint;
      ahead.plan = plan;
      return plan;
    },
  };
}

/** Whose plan was looked ahead for. */
interface Ahead {
  tool: ToolCall | undefined;
  agent: PolicyContext["agent"] | undefined;
  tenant: string | undefined;
  hookpoint: Hookpoint;
  plan: Plan | undefined;
}

/**
 * Each policy lies under one anchor: the literals of its most selective dimension, else the literal prefixes of its
 * globs, else among the rest. Positions keep the candidate order without writing anything into shared policies.
 */
interface Shelf {
  readonly policies: readonly CompiledPolicy[];
  readonly literals: Readonly<Record<Dimension, ReadonlyMap<string, readonly number[]>>>;
  readonly prefixes: Readonly<Record<Dimension, PrefixFile>>;
  readonly rest: readonly number[];
}

type Dimension = "tools" | "tenants" | "agents";
const DIMENSIONS: readonly Dimension[] = ["tools", "tenants", "agents"];

interface PrefixFile {
  readonly byPrefix: ReadonlyMap<string, readonly number[]>;
  /** The distinct prefix lengths: a look-up probes only these. */
  readonly lengths: readonly number[];
}

function* createShelf(policies: readonly CompiledPolicy[]): SlicedWork<Shelf> {
  const literals = { tools: new Map(), tenants: new Map(), agents: new Map() } satisfies Record<
    Dimension,
    FileMap
  >;
  const prefixes = { tools: new Map(), tenants: new Map(), agents: new Map() } satisfies Record<
    Dimension,
    FileMap
  >;
  const rest: number[] = [];
  for (let position = 0; position < policies.length; position++) {
    const { selector } = policies[position]!;
    const byLiteral = DIMENSIONS.find((dimension) => selector[dimension]?.literals !== undefined);
    const byPrefix = DIMENSIONS.find((dimension) => hasPrefixes(selector[dimension]));
    if (byLiteral !== undefined) file(literals[byLiteral], selector[byLiteral]?.literals ?? [], position);
    else if (byPrefix !== undefined) file(prefixes[byPrefix], selector[byPrefix]?.prefixes ?? [], position);
    else rest.push(position);
    if (position % POLICIES_PER_STEP === 0) yield;
  }
  const prefixFile = (byPrefix: FileMap): PrefixFile => ({
    byPrefix,
    lengths: [...new Set([...byPrefix.keys()].map(({ length }) => length))],
  });
  return {
    policies,
    literals,
    prefixes: {
      tools: prefixFile(prefixes.tools),
      tenants: prefixFile(prefixes.tenants),
      agents: prefixFile(prefixes.agents),
    },
    rest,
  };
}

const POLICIES_PER_STEP = 64;

type FileMap = Map<string, number[]>;

function file(map: FileMap, keys: readonly string[], position: number): void {
  for (let at = 0; at < keys.length; at++) {
    const positions = map.get(keys[at]!);
    if (positions === undefined) map.set(keys[at]!, [position]);
    // A list may name one twice.
    else if (positions.at(-1) !== position) positions.push(position);
  }
}

function hasPrefixes(test: DimensionTest | undefined): boolean {
  return test !== undefined && test.prefixes.length > 0 && test.prefixes.every((prefix) => prefix !== "");
}

function matching(shelf: Shelf, context: PolicyContext, hookpoint: Hookpoint): readonly CompiledPolicy[] {
  const positions = new Set(shelf.rest);
  for (const dimension of DIMENSIONS) {
    for (const value of valuesOf(context, dimension)) {
      for (const position of shelf.literals[dimension].get(value) ?? []) positions.add(position);
      const { byPrefix, lengths } = shelf.prefixes[dimension];
      for (const length of lengths) {
        if (length > value.length) continue;
        for (const position of byPrefix.get(value.slice(0, length)) ?? []) positions.add(position);
      }
    }
  }
  const found: CompiledPolicy[] = [];
  for (const position of [...positions].toSorted((a, b) => a - b)) {
    const policy = shelf.policies[position];
    if (policy !== undefined && selects(policy, context, hookpoint)) found.push(policy);
  }
  return found;
}

function valuesOf(context: PolicyContext, dimension: Dimension): readonly string[] {
  switch (dimension) {
    case "tools":
      return context.tool === undefined ? [] : toolNames(context.tool);
    case "tenants":
      return context.tenant === undefined ? [] : [context.tenant];
    case "agents":
      return [context.agent.id];
    default:
      return assertNever(dimension, "selector dimension");
  }
}

/** Every name a tool answers to; a selector concerns it when any of them matches. */
function toolNames({ name, originalName, server }: ToolCall): readonly string[] {
  const names = [name];
  if (originalName !== undefined) names.push(originalName);
  if (server !== undefined) names.push(`${server}/${originalName ?? name}`);
  return names;
}

function selects({ selector }: CompiledPolicy, context: PolicyContext, hookpoint: Hookpoint): boolean {
  const { agents, tenants, tools, hookpoints } = selector;
  if (hookpoints !== undefined && !hookpoints.matches(hookpoint)) return false;
  if (tenants !== undefined && !tenants.matches(context.tenant)) return false;
  if (agents !== undefined && !agents.matches(context.agent.id)) return false;
  return tools === undefined || (context.tool !== undefined && matchesTool(tools, context.tool, "deny"));
}
