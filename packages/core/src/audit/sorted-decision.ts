import { assertNever } from "../base/assert-never.ts";
import type { Decision, Finding } from "../decision/decision.ts";
import type { Obligation } from "../decision/obligation.ts";

/**
 * Every member of `T` by name, absent ones as undefined, which JSON leaves out: a literal of this type cannot forget a
 * member that is added to `T` later.
 */
export type Members<T> = { readonly [Key in keyof T]-?: unknown };

// In every literal below the members stand in the order of their UTF-16 units. That order is what makes one
// `JSON.stringify` canonical; a test compares with the canonical writer.

/**
 * A decision with its members in canonical order.
 * @param decision One without a rewrite among its obligations: the value of a rewrite may be any JSON.
 */
export function sortedDecision(decision: Decision): Members<Decision> {
  return {
    approvalId: decision.approvalId,
    cause: decision.cause,
    durationMs: decision.durationMs,
    effect: decision.effect,
    findings: decision.findings.map(sortedFinding),
    hookpoint: decision.hookpoint,
    id: decision.id,
    intent: decision.intent,
    isOverrun: decision.isOverrun,
    isUnknown: decision.isUnknown,
    message: decision.message,
    modes: decision.modes,
    obligations: decision.obligations.map(sortedObligation),
    policyId: decision.policyId,
    policyVersion: decision.policyVersion,
    reason: decision.reason,
    retryAfterMs: decision.retryAfterMs,
    revision: decision.revision,
    ruleId: decision.ruleId,
    shadow: decision.shadow.map(sortedFinding),
    verdict: decision.verdict,
  };
}

/** Whether a decision carries content of unknown shape, which only the canonical writer can order. */
export function hasFreeContent(decision: Decision): boolean {
  return decision.obligations.some(({ kind }) => kind === "rewrite");
}

function sortedFinding(finding: Finding): Members<Finding> {
  return {
    answer: finding.answer,
    failure: finding.failure,
    kind: finding.kind,
    policyId: finding.policyId,
    policyVersion: finding.policyVersion,
    reason: finding.reason,
    ruleId: finding.ruleId,
  };
}

function sortedObligation(obligation: Obligation): Members<Obligation> {
  switch (obligation.kind) {
    case "redact": {
      const { detect, fields, from, kind, treatment } = obligation;
      return { detect, fields, from, kind, treatment };
    }
    case "clampOutput":
      return { kind: obligation.kind, maxOutputTokens: obligation.maxOutputTokens };
    case "rewrite":
      return { kind: obligation.kind, path: obligation.path, value: obligation.value };
    default:
      return assertNever(obligation, "obligation");
  }
}
