import type { AgentInit, ContextInit } from "../context/context-init.ts";
import type { IdentityClaim } from "../context/identity.ts";
import type { CarriedAdmission } from "../engine/engine-parts.ts";

/** The agent of a description, however it is written. */
export function agentInit(agent: string | AgentInit): AgentInit {
  // What is neither is for createContext to refuse.
  return typeof agent === "object" && agent !== null ? agent : { id: agent };
}

/**
 * Names the parents of an agent that runs inside a governed call, so that plugs on them reach it, and counts it into
 * their tenant and run whatever run it names itself: a limit per run is one limit for the whole tree. Ancestors that are given
 * stay; whether they name the parent is for the engine to judge.
 */
export function withLineage(init: ContextInit, parent: CarriedAdmission | undefined): ContextInit {
  if (parent === undefined) return init;
  const agent = agentInit(init.agent);
  const { id, ancestors } = agent;
  const tenant = init.tenant ?? parent.tenant;
  const { id: parentId, runId, ancestors: aboveParent } = parent.agent;
  const above = id === parentId ? aboveParent : [...aboveParent, parentId];
  return {
    ...init,
    ...(tenant !== undefined && { tenant }),
    agent: { ...agent, runId, ancestors: ancestors ?? above },
  };
}

/**
 * What a source says beside the lineage: inside a governed call it is that call which says what runs above. A source
 * that was set for the root names one of the ancestors, which contradicts nothing.
 */
export function besideLineage(claim: IdentityClaim, parent: CarriedAdmission | undefined): IdentityClaim {
  if (parent === undefined) return claim;
  const { agent, tenant, user, session } = claim;
  const { id, ancestors } = parent.agent;
  const isAbove = agent !== undefined && (agent === id || ancestors.includes(agent));
  return { agent: isAbove ? undefined : agent, tenant, user, session };
}
