import { AgentplaneError, type Decision } from "@agentplane/core";
import type { ModelMessage } from "ai";

import { approvalIdOf } from "./approval-reason.ts";
import type { GovernedIdentity } from "../call/identity.ts";
import type { GovernedPlane } from "../call/plane.ts";

/** An answer in the messages to the question about one tool call. */
export interface MessageAnswer {
  /** The plane's id, as the question had named it. */
  readonly approvalId: string | undefined;
}

/**
 * The yes that the last message gives for a tool call; the SDK runs a call only for one there.
 * @returns undefined where nobody has answered yet: the model has just made the call.
 */
export function answerIn(messages: readonly ModelMessage[], toolCallId: string): MessageAnswer | undefined {
  const last = messages.at(-1);
  if (last?.role !== "tool") return undefined;
  const answered = new Set<string>();
  for (const part of last.content)
    if (part.type === "tool-approval-response" && part.approved) answered.add(part.approvalId);
  if (answered.size === 0) return undefined;
  for (const message of messages) {
    if (message.role !== "assistant" || typeof message.content === "string") continue;
    for (const part of message.content) {
      if (part.type !== "tool-approval-request" || part.toolCallId !== toolCallId) continue;
      if (answered.has(part.approvalId)) return { approvalId: approvalIdOf(part.reason) };
    }
  }
  return undefined;
}

/** Why an answer does not count. */
export type Refusal = { readonly reason: string };

/**
 * Passes a yes on to the plane, which decides whether this person may give it. The messages come from the client, so a
 * yes counts only for the very request that the plane had made: its id is not to be guessed, and is never shown for a
 * call that the model did not make.
 * @param decision What the plane asks now: the same request as before, if nothing changed.
 * @returns Why it does not count, undefined when it was passed on
 */
export async function passOn(
  plane: GovernedPlane,
  { approver }: GovernedIdentity,
  { answer, decision }: { readonly answer: MessageAnswer; readonly decision: Decision },
): Promise<Refusal | undefined> {
  const { approvalId } = decision;
  if (approvalId === undefined || answer.approvalId !== approvalId)
    return { reason: "Not approved: the answer is not for this request." };
  if (approver === undefined)
    return { reason: `Not approved: the request is still open. ${decision.message}` };
  try {
    await plane.approvals.approve(approvalId, { by: approver, role: "client" });
    return undefined;
  } catch (error) {
    if (!(error instanceof AgentplaneError) || error.code !== "approval_invalid") throw error;
    return { reason: `Not approved: ${error.message}.` };
  }
}
