import type { Decision, DecisionCause } from "@agentplane/core";

import type { Frame } from "../frame/frame.ts";
import { tellDecision } from "../trace/traced-request.ts";
import type { Connection } from "./connection.ts";
import { errorDenial } from "./denial.ts";

/** What policies answer to the start of a run: a session that has begun goes on, whatever they would say now. */
const OF_POLICIES: ReadonlySet<DecisionCause> = new Set([
  "rule",
  "limit",
  "default",
  "no_policy",
  "ladder",
  "approval",
  "hook",
]);

/** Looks whether the agent is stopped or may do nothing; without rules that take their time, at once. */
export function agentState({ acting, options }: Connection): Decision | Promise<Decision> {
  return options.plane.guard.peek({ hookpoint: "before_agent", ...acting });
}

/** Whether nothing of the agent may go on, whatever policies say of runs. */
export function isStopped({ effect, cause }: Decision): boolean {
  return effect === "block" && !OF_POLICIES.has(cause);
}

/**
 * @returns What a request gets of which no rule is about, when the agent is stopped or may do nothing: it gets no answer
 *   of any kind but that.
 */
export async function stopped(connection: Connection, request: Frame): Promise<Frame | undefined> {
  const decision = await agentState(connection);
  if (!isStopped(decision)) return undefined;
  tellDecision(decision);
  // What a preview denies has no outcome and no approval.
  return errorDenial(request, { status: "blocked", message: decision.message, decision });
}
