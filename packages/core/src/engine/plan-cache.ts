import { tupleKey } from "../context/call-key.ts";
import type { PolicyContext, ToolCall } from "../context/context.ts";
import type { Hookpoint } from "../context/hookpoint.ts";
import type { CompiledPolicy } from "./compiled-policy.ts";
import { planOf, type Plan } from "./plan.ts";
import { PlanTable, type PlanNames } from "./plan-table.ts";

/** Remembers what was found for whom. */
export interface PlanCache {
  find(context: PolicyContext, hookpoint: Hookpoint): Plan | undefined;
  /** Plans what was found to match, and remembers it for whom it was found. */
  remember(context: PolicyContext, hookpoint: Hookpoint, policies: readonly CompiledPolicy[]): Plan;
}

/** The most plans remembered; two generations of half as many each. */
const MAX_PLANS = 65_536;

/**
 * One table by all four names instead of maps within maps: of thousands of plans few are in the processor's cache, and
 * every map on the way is several lines to wait for. Bounded by generations.
 * @param isByAgent Whether any policy selects agents; otherwise all agents share what was found for the first of them.
 */
export function createPlanCache(isByAgent: boolean): PlanCache {
  let young = new PlanTable();
  let old: PlanTable | undefined;
  const namesOf = (context: PolicyContext, hookpoint: Hookpoint): PlanNames => ({
    hookpoint,
    tenant: context.tenant ?? ABSENT,
    tool: toolKey(context.tool),
    agent: isByAgent ? context.agent.id : ABSENT,
  });
  const keep = (names: PlanNames, plan: Plan): Plan => {
    if (young.size >= MAX_PLANS / 2) {
      old = young;
      young = new PlanTable();
    }
    young.add(names, plan);
    return plan;
  };
  return {
    find(context, hookpoint) {
      const names = namesOf(context, hookpoint);
      const plan = young.find(names);
      if (plan !== undefined || old === undefined) return plan;
      const previous = old.find(names);
      return previous && keep(names, previous);
    },
    remember(context, hookpoint, policies) {
      const names = namesOf(context, hookpoint);
      return keep(names, sharedPlan(young.besides(names), policies) ?? planOf(policies, hookpoint));
    },
  };
}

/** Agents that meet the same policies share one plan: what is in the processor's cache is found faster than a copy. */
function sharedPlan(known: readonly Plan[], policies: readonly CompiledPolicy[]): Plan | undefined {
  return known.find(
    (plan) =>
      plan.policies.length === policies.length &&
      policies.every((policy, position) => policy === plan.policies[position]),
  );
}

/** Cannot be a name: an unpaired surrogate, which `createContext` refuses. */
const ABSENT = "\uD800";

function toolKey(tool: ToolCall | undefined): string {
  if (tool === undefined) return ABSENT;
  const isBare = tool.server === undefined && tool.originalName === undefined;
  if (isBare && !tool.name.startsWith(ABSENT)) return tool.name;
  // The marker keeps a composed key apart from any tool that is simply named like one.
  return ABSENT + tupleKey([tool.name, tool.server, tool.originalName]);
}
