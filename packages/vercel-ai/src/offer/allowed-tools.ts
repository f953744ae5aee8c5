import type { GuardInit, NamedTool } from "@agentplane/core";

import type { GovernedPlane } from "../call/plane.ts";

/** A tool that a request offers. */
export interface OfferableTool extends NamedTool {
  /** It stands for a server whose tools nobody has listed: whatever that has may run. */
  readonly isUnlisted?: boolean;
  /** Nobody tells which server it is either: it may be any. */
  readonly isUnnamed?: boolean;
}

/**
 * Those of the tools that may be offered now. A server without a list goes as soon as a policy, a plug or a hook could
 * stop one of its tools, or ask about it: the provider runs them, and nobody would see which.
 */
export async function allowedTools<Offered extends OfferableTool>(
  plane: GovernedPlane,
  agent: GuardInit,
  tools: readonly Offered[],
): Promise<readonly Offered[]> {
  const visible = await plane.guard.visibleTools(tools, agent);
  const kept = visible.filter((tool) => !isUnknown(plane, agent, tool));
  return kept.length === visible.length ? visible : kept;
}

/** Whether a tool is forbidden for what it might do alone: no decision about its own name says so. */
export function isUnknown(plane: GovernedPlane, agent: GuardInit, tool: OfferableTool): boolean {
  const { isUnlisted, isUnnamed, server } = tool;
  if (isUnlisted !== true || server === undefined) return false;
  return plane.engine.couldConcern(
    plane.guard.context(agent),
    isUnnamed === true ? undefined : server,
    "deciding",
  );
}
