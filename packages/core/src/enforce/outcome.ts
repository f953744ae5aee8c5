import type { Decision } from "../decision/decision.ts";
import { ApprovalPending, policyErrorOf, type PolicyError } from "../decision/policy-error.ts";

/** What became of a governed call. */
export type Outcome<R> =
  /** With the decision that admitted it. */
  { readonly status: "ran"; readonly result: R; readonly decision: Decision } | Denied;

/** A call that did not go on, or whose result is withheld: ready words for the model, a ready error for code. */
export type Denied =
  | {
      readonly status: "blocked";
      readonly message: string;
      readonly error: PolicyError;
      readonly decision: Decision;
    }
  | {
      readonly status: "pending";
      readonly approvalId: string;
      readonly message: string;
      readonly error: ApprovalPending;
      readonly decision: Decision;
    };

/** Words a decision that is not `allow` as an outcome. */
export function denied(decision: Decision): Denied {
  const error = policyErrorOf(decision);
  const { message } = decision;
  return error instanceof ApprovalPending
    ? { status: "pending", approvalId: error.approvalId, message, error, decision }
    : { status: "blocked", message, error, decision };
}
