import type { AgentPlane } from "@agentplane/core";

import { decisionsOf } from "./planes.ts";

/** The runs that a plane decides, and how each ended. */
export function runsOf(plane: AgentPlane) {
  const decisions = decisionsOf(plane);
  const outcomes = new Map<string, string[]>();
  plane.on("outcome", ({ decisionId, outcome }) => {
    outcomes.set(decisionId, [...(outcomes.get(decisionId) ?? []), outcome]);
  });
  return () =>
    decisions
      .filter(({ decision }) => decision.hookpoint === "before_agent")
      .map(({ identity, decision }) => [identity.agent, ...(outcomes.get(decision.id) ?? [])]);
}
