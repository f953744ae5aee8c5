import { assertNever } from "../base/assert-never.ts";
import { canonicalJson } from "../base/canonical-json.ts";
import { isDeeplyFrozen } from "../base/deeply-frozen.ts";
import { optionalText, quoted, written } from "../base/json-text.ts";
import type { Usage } from "../base/model-costs.ts";
import type { AuditIdentity, AuditRecord, DecisionRecord, OutcomeRecord } from "./audit-record.ts";
import { decisionText } from "./decision-text.ts";
import { wellFormed } from "./well-formed.ts";

/**
 * The canonical JSON of a record, well-formed also where the record is not. A record without content of unknown shape is written member by member in the order
 * that is canonical, and what decisions share is written once: several times faster than sorting or `JSON.stringify`.
 * @param record A record; its content, if any, already redacted.
 * @returns The same text as the canonical writer (RFC 8785).
 * @throws AgentplaneError `content_refused` for content that JSON cannot carry
 */
export function recordText(record: AuditRecord): string {
  return wellFormed(writtenRecord(record));
}

function writtenRecord(record: AuditRecord): string {
  switch (record.kind) {
    case "decision":
      return record.input === undefined ? decisionRecordText(record) : canonicalJson(record);
    case "outcome":
      return record.result === undefined ? outcomeText(record) : canonicalJson(record);
    case "control":
      return canonicalJson(record);
    default:
      return assertNever(record, "audit record");
  }
}

// The members below stand in the order of their UTF-16 units: that order is what makes the text canonical; a test
// compares with the canonical writer. Each run ends with its comma, so that an absent member leaves none behind.

/** Names every member of a record; one that is added to `T` later does not compile until it is written here. */
type AllOf<T, Named extends keyof T> = Exclude<keyof T, Named> extends never ? T : never;

function decisionRecordText(
  record: AllOf<
    DecisionRecord,
    | ("at" | "attempt" | "callId" | "decision" | "identity")
    | ("input" | "inputDigest" | "kind" | "model" | "tool")
  >,
): string {
  const { attempt, callId, inputDigest, model, tool } = record;
  return (
    `{"at":${written(record.at)},` +
    (attempt === undefined ? "" : `"attempt":${written(attempt)},`) +
    optionalText("callId", callId) +
    `"decision":${decisionText(record.decision)},"identity":${identityText(record.identity)},` +
    optionalText("inputDigest", inputDigest) +
    lastTexts("decision", model, tool)
  );
}

function outcomeText(
  record: AllOf<
    OutcomeRecord,
    | ("after" | "at" | "decisionId" | "durationMs" | "identity" | "isEstimated")
    | ("kind" | "model" | "outcome" | "result" | "tool" | "usage")
  >,
): string {
  const { after, usage, isEstimated, model, tool } = record;
  return (
    (after === undefined ? "{" : `{"after":${decisionText(after)},`) +
    `"at":${written(record.at)},"decisionId":${quoted(record.decisionId)},` +
    `"durationMs":${written(record.durationMs)},"identity":${identityText(record.identity)},` +
    (isEstimated === undefined ? "" : `"isEstimated":${isEstimated},`) +
    `"kind":"outcome",${optionalText("model", model)}"outcome":${quoted(record.outcome)}` +
    (tool === undefined ? "" : `,"tool":${quoted(tool)}`) +
    (usage === undefined ? "}" : `,"usage":${usageText(usage)}}`)
  );
}

/** The end of a record: after its kind every member may be absent. */
function lastTexts(kind: string, model: string | undefined, tool: string | undefined): string {
  return (
    `"kind":"${kind}"` +
    (model === undefined ? "" : `,"model":${quoted(model)}`) +
    (tool === undefined ? "}" : `,"tool":${quoted(tool)}}`)
  );
}

let latestIdentity: AuditIdentity | undefined;
let latestText = "";

/** The records of one call name the same actor: a frozen one that comes again is not written again. */
function identityText(identity: AuditIdentity): string {
  if (identity === latestIdentity) return latestText;
  const text = newIdentityText(identity);
  if (!isDeeplyFrozen(identity)) return text;
  latestIdentity = identity;
  latestText = text;
  return text;
}

function newIdentityText(
  identity: AllOf<AuditIdentity, "agent" | "ancestors" | "runId" | "session" | "tenant" | "user">,
): string {
  const { agent, ancestors, runId, session, tenant, user } = identity;
  return (
    `{"agent":${quoted(agent)}` +
    (ancestors === undefined ? "" : `,"ancestors":${canonicalJson(ancestors)}`) +
    (runId === undefined ? "" : `,"runId":${quoted(runId)}`) +
    (session === undefined ? "" : `,"session":${quoted(session)}`) +
    (tenant === undefined ? "" : `,"tenant":${quoted(tenant)}`) +
    (user === undefined ? "}" : `,"user":${quoted(user)}}`)
  );
}

function usageText(
  usage: AllOf<
    Usage,
    "cacheReadTokens" | "cacheWriteTokens" | "costMicroUsd" | "inputTokens" | "outputTokens"
  >,
): string {
  const { cacheReadTokens, cacheWriteTokens, costMicroUsd, inputTokens, outputTokens } = usage;
  const members =
    countText("cacheReadTokens", cacheReadTokens) +
    countText("cacheWriteTokens", cacheWriteTokens) +
    countText("costMicroUsd", costMicroUsd) +
    countText("inputTokens", inputTokens) +
    countText("outputTokens", outputTokens);
  return members === "" ? "{}" : `{${members.slice(0, -1)}}`;
}

function countText(name: string, count: number | undefined): string {
  return count === undefined ? "" : `"${name}":${written(count)},`;
}
