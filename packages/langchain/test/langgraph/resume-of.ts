import type { AgentRun, ApprovalAnswer } from "@agentplane/core/testing";

/** For each interrupt that waits, the answers to its approvals; one that nobody answered gets none. */
export function resumeOf({ pending }: AgentRun, given: readonly ApprovalAnswer[]): Record<string, unknown> {
  const resume: Record<string, unknown[]> = {};
  for (const waiting of pending) {
    const { approvalId } = waiting;
    const answer = given.find((one) => one.approvalId === approvalId);
    if (answer === undefined || !("interruptId" in waiting)) continue;
    const decision = answer.isApproved ? "approve" : "deny";
    (resume[String(waiting.interruptId)] ??= []).push({ approvalId, decision, by: "olga" });
  }
  return resume;
}
