import type { GuardInit } from "@agentplane/core";
import type { ToolCall } from "@langchain/core/messages";

import { isApprovalPause } from "./approval-interrupt.ts";
import { toolCallId } from "../call/context.ts";
import { identityOf, type GovernedIdentity, type RunFacts } from "../call/identity.ts";
import type { GovernedPlane } from "../call/plane.ts";

/** A plane of more agents than this knows those that were governed last. */
const MAX_AGENTS = 100;

const AGENTS = new WeakMap<GovernedPlane, Set<string>>();

/** Of agents that share a history, one reads of the calls of another. */
export function knowAgent(plane: GovernedPlane, { agent }: GovernedIdentity): void {
  const agents = AGENTS.get(plane) ?? new Set();
  AGENTS.set(plane, agents);
  agents.delete(agent);
  agents.add(agent);
  const [oldest] = agents;
  if (agents.size > MAX_AGENTS && oldest !== undefined) agents.delete(oldest);
}

/** The call of a model, within a run. */
export interface TurnCall {
  readonly plane: GovernedPlane;
  readonly identity: GovernedIdentity;
  readonly run: RunFacts;
  readonly toolCall: ToolCall;
  /** Up to the one that makes the call, or more. */
  readonly messages: unknown;
}

/**
 * Writes down that a call pauses because the plane asks a human: about the call itself, about its run, or about a call
 * that an agent in its tool makes. What pauses for another reason is not the plane's.
 */
export async function noteWaiting(call: TurnCall, error: unknown): Promise<void> {
  if (!isApprovalPause(error)) return;
  try {
    await call.plane.guard.noteAsked(waitOf(call, call.identity.agent));
  } catch {
    // The question is open, and the pause must reach the application: at worst a prompt is left as it is, later.
  }
}

/**
 * Whether a call without an answer waits, or waited, because of the plane: it is written down for a day, and what policies
 * in force would ask about is known without that.
 */
export async function isWaitingCall(call: TurnCall): Promise<boolean> {
  const { plane, identity } = call;
  for (const agent of new Set([identity.agent, ...(AGENTS.get(plane) ?? [])])) {
    const wait = waitOf(call, agent);
    // oxlint-disable-next-line no-await-in-loop -- the first one that knows of it is enough
    if ((await plane.guard.peek(wait)).effect === "ask") return true;
    // A node that was given the call alone, as `Send` does, knew no message that makes it.
    for (const one of [wait, waitOf({ ...call, messages: undefined }, agent)])
      // oxlint-disable-next-line no-await-in-loop
      if (await plane.guard.isAsked(one, { isAnswer: false })) return true;
  }
  return false;
}

/** The call under a name of its own: the call itself may be running, and paused in the middle. */
function waitOf({ identity, run, toolCall, messages }: TurnCall, agent: string): GuardInit {
  const { id, name, args } = toolCall;
  const callId = toolCallId(id, run, messages);
  return {
    hookpoint: "before_tool_call",
    ...identityOf({ ...identity, agent }, run),
    ...(callId !== undefined && { callId: `${callId}:waits` }),
    tool: { name, input: args },
  };
}
