import { ApprovalPending, PolicyBlocked, PolicyDegraded, type Decision, type Denied } from "@agentplane/core";

/** What of a denial is shown: its words and its error. */
export type Denial = Pick<Denied, "message" | "decision" | "error">;

/** What a decision shows where it is none of a call itself. */
export function denialOf(decision: Decision): Denial {
  return { message: decision.message, decision, error: errorOf(decision) };
}

function errorOf(decision: Decision): Denial["error"] {
  const { effect, approvalId } = decision;
  if (effect === "ask" && approvalId !== undefined) return new ApprovalPending(decision, approvalId);
  return decision.cause === "mode" ? new PolicyDegraded(decision) : new PolicyBlocked(decision);
}
