import type { Admission, Denied, GuardInit } from "@agentplane/core";
import type { BaseMessage } from "@langchain/core/messages";

import { askByInterrupt } from "../approval/approval-interrupt.ts";
import { identityOf, type GovernedIdentity, type RunFacts } from "../call/identity.ts";
import { readContent } from "../content/message-content.ts";
import type { GovernedPlane } from "../call/plane.ts";
import { taskIdOf } from "../call/provider-calls.ts";
import { AS_IT_CAME, inputOfRun, rewriteOf, type RunRewrite } from "./run-input.ts";

/** Who runs, and by whom that is decided. */
export interface RunSettings {
  readonly plane: GovernedPlane;
  readonly identity: GovernedIdentity;
}

/** A run that may go on. */
export interface AgentRun {
  readonly admission: Admission;
  readonly rewrite: RunRewrite;
}

/** What is known of a run at one of its steps. */
export interface RunStep {
  readonly messages: readonly BaseMessage[];
  readonly runtime: RunFacts;
  /** It asks the model, so no call of the agent runs beside it. */
  readonly isTurn?: boolean;
}

/** It was decided under this name before, and that is over, or was cut off by a crash: what goes on is another run. */
const IS_ANOTHER: ReadonlySet<string | undefined> = new Set([
  "already_executed",
  "in_flight",
  "unknown_outcome",
]);

/**
 * Decides a run, and asks a human where one is needed.
 * @returns Why it must end where it may not run.
 * @throws GraphInterrupt while a human is awaited.
 */
export async function startRun(
  { plane, identity }: RunSettings,
  step: RunStep,
): Promise<AgentRun | { readonly refusal: Denied }> {
  const given = inputOfRun(step.messages);
  const context: GuardInit = {
    hookpoint: "before_agent",
    ...identityOf(identity, step.runtime),
    target: { name: identity.agent, input: readContent([...given]) },
  };
  const name = nameOf(step.runtime, given);
  for (let earlier = 0; ;) {
    // oxlint-disable-next-line no-await-in-loop -- each turn follows from the answer to the one before
    const admitted = await plane.guard.admit({
      ...context,
      ...(name !== undefined && callOf(name, earlier)),
    });
    if (admitted.status === "admitted") {
      const { isInputChanged, input } = admitted;
      return { admission: admitted, rewrite: isInputChanged ? rewriteOf(given, input) : AS_IT_CAME };
    }
    if (admitted.status === "blocked") {
      if (name === undefined || !IS_ANOTHER.has(admitted.decision.cause)) return { refusal: admitted };
      earlier++;
      continue;
    }
    // oxlint-disable-next-line no-await-in-loop
    const asked = await askByInterrupt(plane, admitted);
    if (!asked.isAnswered) return { refusal: { ...admitted, message: asked.message } };
  }
}

function callOf(name: string, earlier: number): { readonly callId: string } {
  return { callId: earlier === 0 ? name : `${name}:${earlier}` };
}

/**
 * The same again where a thread goes on after a pause, which is no other run: by what the run was given. Without a
 * thread nothing goes on but the task that waits.
 */
function nameOf(runtime: RunFacts, given: readonly BaseMessage[]): string | undefined {
  const thread = runtime.configurable?.["thread_id"];
  const message = given.at(-1)?.id;
  if (typeof thread === "string" && message !== undefined)
    return JSON.stringify(["run", thread, placeOf(runtime), message]);
  const task = taskIdOf(runtime);
  return task === undefined ? undefined : `${task}:agent`;
}

/** The graph around the node that runs: of the agent itself, or of the one in whose tool it runs. */
export function placeOf({ configurable }: RunFacts): string {
  const place = configurable?.["checkpoint_ns"];
  return typeof place === "string" ? place.slice(0, Math.max(0, place.lastIndexOf("|"))) : "";
}
