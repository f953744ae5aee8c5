import { assertNever } from "../base/assert-never.ts";
import { canonicalJson } from "../base/canonical-json.ts";
import type { AuditRecord, ControlRecord, DecisionRecord, OutcomeRecord } from "./audit-record.ts";
import {
  hasFreeContent,
  sortedDecision,
  sortedIdentity,
  sortedUsage,
  type Members,
} from "./sorted-decision.ts";

/**
 * The canonical JSON of a record. A record without content of unknown shape is written by one `JSON.stringify` of a
 * literal with sorted members, several times faster than sorting at run time.
 * @param record A record; its content, if any, already redacted.
 * @returns The same text as the canonical writer (RFC 8785).
 * @throws AgentplaneError `content_refused` for content that JSON cannot carry
 */
export function recordText(record: AuditRecord): string {
  const sorted = sortedRecord(record);
  return sorted === undefined ? canonicalJson(record) : JSON.stringify(sorted);
}

/**
 * A record with its members in canonical order, ready for `JSON.stringify`.
 * @returns undefined for a record with content of unknown shape, which only the canonical writer can order.
 */
export function sortedRecord(record: AuditRecord): Members<AuditRecord> | undefined {
  switch (record.kind) {
    case "decision":
      return sortedDecisionRecord(record);
    case "outcome":
      return sortedOutcome(record);
    case "control":
      return sortedControl(record);
    default:
      return assertNever(record, "audit record");
  }
}

function sortedDecisionRecord(record: DecisionRecord): Members<DecisionRecord> | undefined {
  if (record.input !== undefined || hasFreeContent(record.decision)) return undefined;
  return {
    at: record.at,
    attempt: record.attempt,
    callId: record.callId,
    decision: sortedDecision(record.decision),
    identity: sortedIdentity(record.identity),
    input: undefined,
    inputDigest: record.inputDigest,
    kind: record.kind,
    model: record.model,
    tool: record.tool,
  };
}

function sortedOutcome(record: OutcomeRecord): Members<OutcomeRecord> | undefined {
  const { after, usage } = record;
  if (record.result !== undefined || (after !== undefined && hasFreeContent(after))) return undefined;
  return {
    after: after && sortedDecision(after),
    at: record.at,
    decisionId: record.decisionId,
    durationMs: record.durationMs,
    identity: sortedIdentity(record.identity),
    isEstimated: record.isEstimated,
    kind: record.kind,
    model: record.model,
    outcome: record.outcome,
    result: undefined,
    tool: record.tool,
    usage: usage && sortedUsage(usage),
  };
}

function sortedControl(record: ControlRecord): Members<ControlRecord> | undefined {
  if (record.data !== undefined) return undefined;
  return {
    action: record.action,
    at: record.at,
    by: record.by,
    data: undefined,
    kind: record.kind,
    reason: record.reason,
    subject: record.subject,
  };
}
