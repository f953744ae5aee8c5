import type { Decision, DecisionCause } from "@agentplane/core";

import type { Frame } from "../frame/frame.ts";
import { tellDecision } from "../trace/traced-request.ts";
import type { Connection } from "../connection/connection.ts";
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

/** What of the protocol only lists, tells or ends: every step that follows is judged by itself. */
const HARMLESS: ReadonlySet<unknown> = new Set([
  "initialize",
  "server/discover",
  "logging/setLevel",
  "subscriptions/listen",
  "tools/list",
  "prompts/list",
  "resources/list",
  "resources/templates/list",
  "resources/unsubscribe",
  "tasks/list",
  "tasks/get",
  "tasks/result",
  "tasks/cancel",
]);

/**
 * What a mode says of what nobody knows: it may do anything, and stands in the same column as a handoff. Policies about
 * handoffs say nothing of it.
 * @returns Why it does not go on; undefined: the modes in force let it.
 */
function forbiddenByMode({ effect, cause, modes, message }: Decision): string | undefined {
  if (effect === "block" && cause === "mode") return message;
  // It has no approval: whoever answered would not know what it does.
  return effect === "ask" && modes.includes("HUMAN_LOOP")
    ? "Mode HUMAN_LOOP asks a human about every action, and nobody can be asked about this one."
    : undefined;
}

/**
 * @returns What a request gets of which no rule is about, when the agent is stopped or may do nothing, or when a mode lets
 *   nothing unknown through: it gets no answer of any kind but that.
 */
export async function stopped(connection: Connection, request: Frame): Promise<Frame | undefined> {
  const decision = await agentState(connection);
  if (isStopped(decision)) return refused(request, decision, decision.message);
  if (HARMLESS.has(request.message["method"])) return undefined;
  const { acting, options } = connection;
  const target = { name: options.server, server: options.server };
  const unknown = await options.plane.guard.peek({ hookpoint: "before_handoff", ...acting, target });
  const why = forbiddenByMode(unknown);
  return why === undefined ? undefined : refused(request, unknown, why);
}

function refused(request: Frame, decision: Decision, message: string): Frame {
  tellDecision(decision);
  // What a preview denies has no outcome and no approval.
  return errorDenial(request, { status: "blocked", message, decision });
}
