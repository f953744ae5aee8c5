import type { AgentRun, ApprovalAnswer } from "@agentplane/core/testing";
import type { ModelMessage, ToolApprovalResponse } from "ai";

import { approvalIdOf } from "../src/index.ts";

interface Waiting {
  readonly approvalId: string;
  /** The SDK's own id of the request. */
  readonly requestId: string;
}

/** The message with which an application answers; undefined while nobody has. */
export function responseOf(
  { pending }: AgentRun,
  answers: readonly ApprovalAnswer[],
): ModelMessage | undefined {
  const content: ToolApprovalResponse[] = [];
  for (const waiting of pending) {
    const answer = answers.find(({ approvalId }) => approvalId === waiting.approvalId);
    if (answer === undefined || !("requestId" in waiting)) continue;
    const approvalId = String(waiting.requestId);
    content.push({ type: "tool-approval-response", approvalId, approved: answer.isApproved });
  }
  return content.length === 0 ? undefined : { role: "tool", content };
}

/** The plane's questions among the parts of an answer. */
export function pendingOf(part: { readonly type: string }): readonly Waiting[] {
  if (part.type !== "tool-approval-request" || !("approvalId" in part)) return [];
  if ("isAutomatic" in part && part.isAutomatic === true) return [];
  const reason = "reason" in part && typeof part.reason === "string" ? part.reason : undefined;
  const approvalId = approvalIdOf(reason);
  return approvalId === undefined ? [] : [{ approvalId, requestId: String(part.approvalId) }];
}

/** What a tool's output says. */
export function textOf(output: { readonly value?: unknown }): string {
  return typeof output.value === "string" ? output.value : JSON.stringify(output.value);
}
