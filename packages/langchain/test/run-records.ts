import type { AgentPlane } from "@agentplane/core";

/** What was recorded of runs: each decision, and each end. */
export function runsOf(plane: AgentPlane): string[] {
  const seen: string[] = [];
  plane.hooks.on("before_agent", () => void seen.push("begins"));
  plane.hooks.on("after_agent", ({ result }) => void seen.push(`ends ${JSON.stringify(result)}`));
  return seen;
}

/** How runs ended, by their records. */
export function outcomesOfRuns(plane: AgentPlane): string[] {
  const runs = new Set<string>();
  const ends: string[] = [];
  plane.on("decision", ({ decision: { id, hookpoint } }) => {
    if (hookpoint === "before_agent") runs.add(id);
  });
  plane.on("outcome", ({ decisionId, outcome }) => {
    if (runs.has(decisionId)) ends.push(outcome);
  });
  return ends;
}

/** How each decision on a run came out. */
export function begunOf(plane: AgentPlane): string[] {
  const seen: string[] = [];
  plane.on("decision", ({ decision }) => {
    if (decision.hookpoint === "before_agent") seen.push(decision.effect);
  });
  return seen;
}
