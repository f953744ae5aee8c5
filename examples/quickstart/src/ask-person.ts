import { createInterface } from "node:readline/promises";

import type { ApprovalAnswer, ApprovalRequest } from "@agentplane/langchain";

import type { Timeline } from "./timeline.ts";

/** Below the policy's `hitl.timeout`, after which the plane itself denies. */
const PATIENCE_MS = 30_000;

/**
 * Puts an approval to whoever sits at the terminal; where nobody does, the script approves. Silence is a denial.
 * @returns The answer, naming the approval it is for.
 */
export async function askPerson(request: ApprovalRequest, timeline: Timeline): Promise<ApprovalAnswer> {
  const { approvalId, reason } = request;
  timeline.say("operator", `is asked for ${approvalId}: ${reason}`);
  const isApproved = isTerminal() ? await askTerminal() : true;
  const decision = isApproved ? "approve" : "deny";
  const by = isTerminal() ? "person-at-the-terminal" : "script";
  timeline.say("operator", `${by} says: ${decision}`);
  return { approvalId, decision, by };
}

function isTerminal(): boolean {
  return process.stdin.isTTY && process.stdout.isTTY;
}

async function askTerminal(): Promise<boolean> {
  const terminal = createInterface({ input: process.stdin, output: process.stdout });
  try {
    const answer = await terminal.question("          Approve this query? [y/N] ", {
      signal: AbortSignal.timeout(PATIENCE_MS),
    });
    return /^y(?:es)?$/i.test(answer.trim());
  } catch (error) {
    if (error instanceof Error && error.name === "AbortError") return false;
    throw error;
  } finally {
    terminal.close();
  }
}
