import type { ConfigIssue } from "../base/errors.ts";
import { memberIssues } from "../base/member-issues.ts";
import type { Seal } from "../base/seal.ts";
import type { Approval } from "../state/approval.ts";

/** Who answers approvals, and what is kept of them. */
export interface ApprovalOptions {
  /** `external`: someone calls `plane.approvals`; a function is told of each new request. */
  readonly resolver: "external" | ((approval: Approval) => void);
  /** Signs what approvals are bound to; give one where approvals must survive a restart. Default: random. */
  readonly key?: string;
  /** Encrypts the inputs that policies show to approvers (`showInput`): `aesSeal(key)` of `@agentplane/core/node`. */
  readonly seal?: Seal;
}

/** A misspelt resolver would leave every request unanswered. */
export function approvalIssues(approvals: ApprovalOptions | undefined): readonly ConfigIssue[] {
  if (approvals === undefined) return [];
  const { resolver, key, seal } = approvals;
  const issues = [...memberIssues("approvals.", approvals, ["resolver", "key", "seal"])];
  if (resolver !== "external" && typeof resolver !== "function") {
    const suggestion = 'use "external", or a function that is told of each new request';
    issues.push({ path: "approvals.resolver", message: "is not a resolver", suggestion });
  }
  // An empty variable of the environment would be a key that everybody knows.
  if (key !== undefined && (typeof key !== "string" || key === "")) {
    issues.push({ path: "approvals.key", message: "is no key", suggestion: "give a secret text, or none" });
  }
  // Callers without types may pass the key itself.
  if (seal !== undefined && (typeof seal?.seal !== "function" || typeof seal.open !== "function")) {
    const suggestion = "pass aesSeal(key) of @agentplane/core/node";
    issues.push({ path: "approvals.seal", message: "is not a seal", suggestion });
  }
  return issues;
}
