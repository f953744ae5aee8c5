import type { Decision, DecisionRecord } from "@agentplane/core";

import type { AgentRun } from "../agent-run.ts";
import type { Stage } from "../stage.ts";

/** One chapter of the example: it plays, and says a marker only after it has seen what the marker names. */
export interface Step {
  readonly title: string;
  /** @throws AssertionError when something did not happen. */
  play(stage: Stage): Promise<void>;
}

/** The decisions of a run about one tool, in order. */
export function decisionsOn(run: AgentRun, tool: string): readonly Decision[] {
  return run.decisions.filter((record) => record.tool === tool).map(({ decision }) => decision);
}

/** The decisions of a run about its model calls, in order. */
export function modelDecisions({ decisions }: AgentRun): readonly Decision[] {
  return decisions.filter(isModelCall).map(({ decision }) => decision);
}

function isModelCall({ decision }: DecisionRecord): boolean {
  return decision.hookpoint === "before_model_call";
}
