import type { GuardInit } from "@agentplane/core";
import type { RunContext } from "@openai/agents";

import type { AgentsPlane } from "./agents-plane.ts";
import { isAlwaysApproved, isApprovedNatively } from "./native-approval.ts";

/** A call about which the tool itself may want a human to be asked. */
export interface MaybeOwnQuestion {
  readonly callId: string | undefined;
  /** The SDK's own id, where several calls share one: a human approves them all. */
  readonly nativeId?: string;
  readonly context: RunContext | undefined;
  /** Whether the tool itself wants an approval of it, where the SDK asks it. */
  readonly own?: (() => Promise<boolean>) | undefined;
  /** Whether an agent inside it goes on, by what a saved state says. */
  readonly isGoingOn?: boolean;
}

/** The same with what the plane calls it. */
interface KnownQuestion {
  readonly call: MaybeOwnQuestion;
  readonly toolName: string;
  readonly described: GuardInit;
}

/** What the model reads where an answer was found to a question that nobody asked. */
export const UNASKED =
  "Not approved: nobody was asked about this call, it was too long ago, or the answer was used already.";

/** Whether the tool itself wants a human to be asked. */
export function isOwnQuestion({ own }: MaybeOwnQuestion): Promise<boolean> | boolean {
  return own !== undefined && own();
}

/** It does: the plane knows of it from then on, for an answer that a saved state brings. */
export async function noteQuestion(
  { guard }: AgentsPlane,
  { call, toolName, described }: KnownQuestion,
): Promise<void> {
  const { context, callId, nativeId = callId } = call;
  // The SDK asks again where a state goes on that says it was answered: that is no question.
  const isAnswered =
    context !== undefined && nativeId !== undefined && isApprovedNatively(context, toolName, nativeId);
  if (!isAnswered) await guard.noteAsked(described);
}

/** An agent inside the tool waits for a human: the call has begun, and may go on without being asked about again. */
export async function noteBegun({ guard }: AgentsPlane, described: GuardInit): Promise<void> {
  try {
    await guard.noteAsked(begun(described));
  } catch {
    // The pause must reach the application: at worst the call does not go on.
  }
}

/** The call under a name of its own: it stands where the pause has left it. */
function begun(described: GuardInit): GuardInit {
  const { callId } = described;
  return { ...described, ...(callId !== undefined && { callId: `${callId}:begun` }) };
}

/**
 * Whether a call is about to run by an answer to a question that nobody asked: whoever writes a saved state could have it
 * say so, or say that an agent inside the call has begun already. What a human said of all calls of a tool answers each of
 * them.
 */
export async function isUnasked(
  { guard }: AgentsPlane,
  { call, toolName, described }: KnownQuestion,
): Promise<boolean> {
  const { context, callId } = call;
  if (context === undefined || callId === undefined || !(await isOwnQuestion(call))) return false;
  if (isAlwaysApproved(context, toolName)) return false;
  return !(await guard.isAsked(call.isGoingOn === true ? begun(described) : described));
}
