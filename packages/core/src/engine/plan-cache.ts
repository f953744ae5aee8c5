import { tupleKey } from "../context/call-key.ts";
import type { PolicyContext, ToolCall } from "../context/context.ts";
import type { Hookpoint } from "../context/hookpoint.ts";
import type { CompiledPolicy } from "./compiled-policy.ts";
import { planOf, type Plan } from "./plan.ts";

/** The plans of one (hookpoint, tenant, tool), by agent. */
export type Slot = Map<string, Plan>;
type Generation = Map<string, Map<string, Map<string, Slot>>>;

/** Remembers what was found for whom. */
export interface PlanCache {
  slotOf(context: PolicyContext, hookpoint: Hookpoint): Slot;
  /** Plans what was found to match, and remembers it for an agent. */
  remember(slot: Slot, agent: string, policies: readonly CompiledPolicy[], hookpoint: Hookpoint): Plan;
}

/** The most plans remembered; two generations of half as many each. */
const MAX_PLANS = 65_536;

/** How many plans of a slot a new one is compared with. */
const MAX_COMPARED = 8;

/**
 * Nested maps instead of one joined key: the hot path allocates nothing. Bounded by generations, because a Map used
 * as a queue rescans its deleted slots.
 */
export function createPlanCache(): PlanCache {
  let young: Generation = new Map();
  let old: Generation = new Map();
  let count = 0;
  const slotIn = (
    generation: Generation,
    context: PolicyContext,
    of: { hookpoint: Hookpoint; isNew: boolean },
  ): Slot | undefined => {
    const { hookpoint, isNew } = of;
    const byTenant = child(generation, hookpoint, isNew);
    const byTool = byTenant && child(byTenant, context.tenant ?? ABSENT, isNew);
    return byTool && child(byTool, toolKey(context.tool), isNew);
  };
  return {
    slotOf(context, hookpoint) {
      const slot = slotIn(young, context, { hookpoint, isNew: true })!;
      if (slot.size > 0 || old.size === 0) return slot;
      const previous = slotIn(old, context, { hookpoint, isNew: false })?.get(context.agent.id);
      if (previous !== undefined) slot.set(context.agent.id, previous);
      return slot;
    },
    remember(slot, agent, policies, hookpoint) {
      const plan = sharedPlan(slot, policies) ?? planOf(policies, hookpoint);
      slot.set(agent, plan);
      if (++count >= MAX_PLANS / 2) {
        old = young;
        young = new Map();
        count = 0;
      }
      return plan;
    },
  };
}

/** Agents that meet the same policies share one plan: what is in the processor's cache is found faster than a copy. */
function sharedPlan(slot: Slot, policies: readonly CompiledPolicy[]): Plan | undefined {
  let compared = 0;
  for (const plan of slot.values()) {
    const { length } = plan.policies;
    if (length === policies.length && policies.every((policy, at) => policy === plan.policies[at]))
      return plan;
    if (++compared === MAX_COMPARED) return undefined;
  }
  return undefined;
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

function child<V>(map: Map<string, Map<string, V>>, key: string, isNew: boolean): Map<string, V> | undefined {
  let found = map.get(key);
  if (found === undefined && isNew) {
    found = new Map<string, V>();
    map.set(key, found);
  }
  return found;
}
