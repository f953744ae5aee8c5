import { AgentplaneError, type Denied } from "@agentplane/core";
import { AsyncLocalStorageProviderSingleton } from "@langchain/core/singletons";
import { GraphValueError, interrupt, isGraphInterrupt } from "@langchain/langgraph";

import type { GovernedPlane } from "../call/plane.ts";

/** A call that waits for a human. */
export type PendingCall = Extract<Denied, { status: "pending" }>;

/** What `interrupt` hands to the application; it answers with an {@link ApprovalAnswer}. */
export interface ApprovalRequest {
  readonly kind: "agentplane.approval";
  readonly approvalId: string;
  readonly hookpoint: string;
  readonly reason: string;
  /** What is asked for, redacted: agent, tool, input and reasons. */
  readonly view: unknown;
  /** The model's id of the tool call, where there is one. */
  readonly toolCallId?: string;
}

/**
 * How an application answers: `new Command({ resume: answer })`. It names the approval, so that one answer never
 * counts for another call that waits beside it.
 */
export interface ApprovalAnswer {
  readonly approvalId: string;
  readonly decision: "approve" | "deny";
  /** Who answers; never the user on whose behalf the agent acts. */
  readonly by: string;
  readonly reason?: string;
}

/** Whether the call may be put to the plane again, or why not. */
export type Asked = { readonly isAnswered: true } | { readonly isAnswered: false; readonly message: string };

/**
 * Pauses the graph until someone answers for this call, and passes the answer on to the plane. The plane decides: an
 * approval it does not accept leaves the call pending.
 * @throws GraphInterrupt while nobody has answered.
 */
export async function askByInterrupt(
  { approvals }: GovernedPlane,
  pending: PendingCall,
  toolCallId?: string,
): Promise<Asked> {
  const { approvalId } = pending;
  const request = await requestOf(approvals, pending, toolCallId);
  const given = pause(request);
  if (given === NO_CHECKPOINTER) return { isAnswered: false, message: unreachable(pending) };
  const answer = parseAnswer(given);
  if (answer === undefined) return { isAnswered: false, message: notAnswered(approvalId) };
  return passOn(approvals, answer);
}

/** Words a call that waits for the application. */
export async function requestOf(
  approvals: GovernedPlane["approvals"],
  { approvalId, decision }: Pick<PendingCall, "approvalId" | "decision">,
  toolCallId?: string,
): Promise<ApprovalRequest> {
  const approval = await approvals.get(approvalId);
  return {
    kind: "agentplane.approval",
    approvalId,
    hookpoint: decision.hookpoint,
    reason: decision.reason,
    view: approval?.view,
    ...(toolCallId !== undefined && { toolCallId }),
  };
}

/** Whether this person may answer, and still can, is the plane's to say. */
export async function passOn(approvals: GovernedPlane["approvals"], answer: ApprovalAnswer): Promise<Asked> {
  const { approvalId, decision, by, reason } = answer;
  const act = { by, role: "client", ...(reason !== undefined && { reason }) } as const;
  try {
    await (decision === "approve" ? approvals.approve(approvalId, act) : approvals.deny(approvalId, act));
    return { isAnswered: true };
  } catch (error) {
    if (!(error instanceof AgentplaneError) || error.code !== "approval_invalid") throw error;
    return { isAnswered: false, message: `Not approved: ${error.message}.` };
  }
}

/** What stands for an answer where the graph cannot pause. */
export const NO_CHECKPOINTER: unique symbol = Symbol("no checkpointer");

/**
 * Interrupts until the answer is for this approval. LangGraph gives one scalar `resume` to every call that waits, and
 * replays earlier answers in order: one that names another approval is not for this call. One that is none may be that to a
 * question of other code in the same task: it counts where no other comes.
 */
function pause(request: ApprovalRequest): unknown {
  let other: { readonly given: unknown } | undefined;
  for (;;) {
    try {
      const given = pauseOnce(request);
      if (given === NO_CHECKPOINTER) return given;
      const parsed = parseAnswer(given);
      if (parsed?.approvalId === request.approvalId) return given;
      if (parsed === undefined) other ??= { given };
    } catch (error) {
      if (other !== undefined && isGraphInterrupt(error)) return other.given;
      throw error;
    }
  }
}

/**
 * Hands a value to the application and gives its answer.
 * @returns `NO_CHECKPOINTER` where nothing can be paused: in a graph without one, and outside of graphs.
 * @throws GraphInterrupt while nobody has answered.
 */
export function pauseOnce(value: unknown): unknown {
  if (AsyncLocalStorageProviderSingleton.getRunnableConfig()?.configurable === undefined)
    return NO_CHECKPOINTER;
  try {
    return interrupt<unknown, unknown>(value);
  } catch (error) {
    if (error instanceof GraphValueError && error.lc_error_code === "MISSING_CHECKPOINTER")
      return NO_CHECKPOINTER;
    throw error;
  }
}

/** @returns undefined for anything that is no answer. */
export function parseAnswer(given: unknown): ApprovalAnswer | undefined {
  if (typeof given !== "object" || given === null) return undefined;
  const { approvalId, decision, by, reason } = given as Partial<Record<keyof ApprovalAnswer, unknown>>;
  if (typeof approvalId !== "string" || typeof by !== "string") return undefined;
  if (decision !== "approve" && decision !== "deny") return undefined;
  return { approvalId, decision, by, ...(typeof reason === "string" && { reason }) };
}

/** Whether what a graph was interrupted with asks for approvals. */
export function isApprovalRequest(value: unknown): boolean {
  if (typeof value !== "object" || value === null || !("kind" in value)) return false;
  return value.kind === "agentplane.approval" || value.kind === "agentplane.approvals";
}

/** Whether an error pauses a graph because the plane asks a human. */
export function isApprovalPause(error: unknown): boolean {
  return isGraphInterrupt(error) && error.interrupts.some(({ value }) => isApprovalRequest(value));
}

/** What the model reads where nobody can be asked. */
export function unreachable({ approvalId, message }: Pick<PendingCall, "approvalId" | "message">): string {
  return `${message} The agent cannot pause here, because it has no checkpointer. Call it again, unchanged, once ${approvalId} is approved.`;
}

/** What the model reads after something that is no answer. */
export function notAnswered(approvalId: string): string {
  return `Not approved: an answer must be { approvalId: "${approvalId}", decision: "approve" | "deny", by }.`;
}
