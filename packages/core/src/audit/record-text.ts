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
  switch (record.kind) {
    case "decision":
      return decisionText(record);
    case "outcome":
      return outcomeText(record);
    case "control":
      return controlText(record);
    default:
      return assertNever(record, "audit record");
  }
}

function decisionText(record: DecisionRecord): string {
  if (record.input !== undefined || hasFreeContent(record.decision)) return canonicalJson(record);
  const sorted: Members<DecisionRecord> = {
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
  return JSON.stringify(sorted);
}

function outcomeText(record: OutcomeRecord): string {
  const { after, usage } = record;
  if (record.result !== undefined || (after !== undefined && hasFreeContent(after)))
    return canonicalJson(record);
  const sorted: Members<OutcomeRecord> = {
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
  return JSON.stringify(sorted);
}

function controlText(record: ControlRecord): string {
  if (record.data !== undefined) return canonicalJson(record);
  const sorted: Members<ControlRecord> = {
    action: record.action,
    at: record.at,
    by: record.by,
    data: undefined,
    kind: record.kind,
    reason: record.reason,
    subject: record.subject,
  };
  return JSON.stringify(sorted);
}
