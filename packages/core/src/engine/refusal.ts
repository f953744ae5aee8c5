import type { DecisionCause } from "../decision/decision.ts";

/** A decision that was reached without, or over, the rules. */
export interface Refusal {
  readonly cause: DecisionCause;
  readonly reason: string;
  readonly message?: string;
  readonly retryAfterMs?: number;
  readonly policyId?: string;
  readonly policyVersion?: string;
  readonly ruleId?: string;
}
