import { AgentplaneError, type ErrorCode } from "../base/errors.ts";
import type { Decision } from "./decision.ts";

/** A denial as an error, for callers that prefer exceptions: carries the decision that made it. */
export class PolicyError extends AgentplaneError {
  readonly decision: Decision;
  readonly decisionId: string;
  readonly policyId: string | undefined;
  readonly ruleId: string | undefined;
  readonly reason: string;
  readonly retryAfterMs: number | undefined;

  constructor(code: ErrorCode, decision: Decision) {
    super(code, decision.message, {
      data: {
        decisionId: decision.id,
        policyId: decision.policyId,
        ruleId: decision.ruleId,
        cause: decision.cause,
        reason: decision.reason,
        retryAfterMs: decision.retryAfterMs,
      },
    });
    this.decision = decision;
    this.decisionId = decision.id;
    this.policyId = decision.policyId;
    this.ruleId = decision.ruleId;
    this.reason = decision.reason;
    this.retryAfterMs = decision.retryAfterMs;
  }
}

/** The call was blocked (`policy_blocked`). */
export class PolicyBlocked extends PolicyError {
  constructor(decision: Decision) {
    super("policy_blocked", decision);
  }
}

/** The call was blocked by a degradation mode (`policy_degraded`). */
export class PolicyDegraded extends PolicyError {
  constructor(decision: Decision) {
    super("policy_degraded", decision);
  }
}

/** The call waits for a human (`approval_pending`); `approvalId` names the request. */
export class ApprovalPending extends PolicyError {
  readonly approvalId: string;

  constructor(decision: Decision, approvalId: string) {
    super("approval_pending", decision);
    this.approvalId = approvalId;
  }
}

/** The error that fits a decision that is not `allow`. */
export function policyErrorOf(decision: Decision): PolicyError {
  if (decision.effect === "ask" && decision.approvalId !== undefined) {
    return new ApprovalPending(decision, decision.approvalId);
  }
  return decision.cause === "mode" ? new PolicyDegraded(decision) : new PolicyBlocked(decision);
}
