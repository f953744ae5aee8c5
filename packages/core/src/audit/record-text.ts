import { assertNever } from "../base/assert-never.ts";
import { canonicalJson } from "../base/canonical-json.ts";
import { escaped, written } from "../base/json-text.ts";
import type { Usage } from "../base/model-costs.ts";
import type { AuditIdentity, AuditRecord, DecisionRecord, OutcomeRecord } from "./audit-record.ts";
import type { DecisionPlace } from "../decision/decision-template.ts";
import { decisionText } from "./decision-text.ts";
import type { Members } from "./sorted-decision.ts";
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

/**
 * The same, ill-formed where the record is: for who makes a longer text of it and looks that over whole.
 * @throws AgentplaneError `content_refused` for content that JSON cannot carry
 */
export function writtenRecord(record: AuditRecord): string {
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
// compares with the canonical writer. A member that may be absent brings its own comma. Names, quotation marks and commas
// are written with their neighbours, because every piece is one more object until the line is hashed.

/** Names every member of a record; one that is added to `T` later does not compile until it is written here. */
type AllOf<T, Named extends keyof T> = Exclude<keyof T, Named> extends never ? T : never;

function decisionRecordText(
  record: AllOf<
    DecisionRecord,
    | ("at" | "attempt" | "callId" | "decision" | "identity")
    | ("input" | "inputDigest" | "kind" | "model" | "tool" | "traceId")
  >,
): string {
  const { at, attempt, callId, inputDigest, model, tool, traceId } = record;
  return (
    `{"at":${written(at)}` +
    (attempt === 1 ? FIRST_ATTEMPT : attempt === undefined ? "" : `,"attempt":${written(attempt)}`) +
    (callId === undefined ? "" : `,"callId":"${escaped(callId)}"`) +
    decisionText(record.decision, IN_DECISION) +
    identityText(record.identity) +
    (inputDigest === undefined ? `,"kind":"decision"` : digestText(inputDigest)) +
    (model === undefined ? "" : `,"model":"${escaped(model)}"`) +
    (tool === undefined ? "" : toolText(tool)) +
    (traceId === undefined ? "}" : `,"traceId":"${escaped(traceId)}"}`)
  );
}

function outcomeText(
  record: AllOf<
    OutcomeRecord,
    | ("after" | "at" | "decisionId" | "durationMs" | "identity" | "isEstimated")
    | ("kind" | "model" | "outcome" | "result" | "tool" | "usage")
  >,
): string {
  const { after, at, decisionId, durationMs, isEstimated, model, outcome, tool, usage } = record;
  return (
    (after === undefined ? `{"at":` : decisionText(after, IN_OUTCOME)) +
    `${written(at)},"decisionId":"${escaped(decisionId)}","durationMs":${written(durationMs)},"identity":` +
    identityText(record.identity) +
    (isEstimated === undefined ? "" : `,"isEstimated":${isEstimated}`) +
    (model === undefined ? `,"kind":"outcome"` : `,"kind":"outcome","model":"${escaped(model)}"`) +
    (outcome === "ran" ? RAN : `,"outcome":"${escaped(outcome)}"`) +
    (tool === undefined ? "" : toolText(tool)) +
    (usage === undefined ? "}" : `,"usage":${usageText(usage)}}`)
  );
}

const IN_DECISION: DecisionPlace = { before: `,"decision":`, after: `,"identity":` };
const IN_OUTCOME: DecisionPlace = { before: `{"after":`, after: `,"at":` };
const FIRST_ATTEMPT = `,"attempt":1`;
const RAN = `,"outcome":"ran"`;

function digestText(inputDigest: string): string {
  return `,"inputDigest":"${escaped(inputDigest)}","kind":"decision"`;
}

const MAX_KNOWN_TOOLS = 1_024;
const toolTexts = new Map<string, string>();

/** Tools are few, and every record names one. */
function toolText(tool: string): string {
  const known = toolTexts.get(tool);
  if (known !== undefined) return known;
  if (toolTexts.size >= MAX_KNOWN_TOOLS) toolTexts.clear();
  const text = `,"tool":"${escaped(tool)}"`;
  toolTexts.set(tool, text);
  return text;
}

let latestIdentity: AuditIdentity | undefined;
let latestText = "";

/** The records of one call name the same actor: a frozen one that comes again is not written again. */
function identityText(identity: AuditIdentity): string {
  if (identity === latestIdentity) return latestText;
  const text = newIdentityText(identity);
  const isFixed = Object.isFrozen(identity) && Object.isFrozen(identity.ancestors);
  if (!isFixed) return text;
  latestIdentity = identity;
  latestText = text;
  return text;
}

// Small objects of texts and numbers: one `JSON.stringify` of a literal leaves no pieces behind.

function newIdentityText({ agent, ancestors, runId, session, tenant, user }: AuditIdentity): string {
  const sorted: Members<AuditIdentity> = { agent, ancestors, runId, session, tenant, user };
  return JSON.stringify(sorted);
}

function usageText({
  cacheReadTokens,
  cacheWriteTokens,
  costMicroUsd,
  inputTokens,
  outputTokens,
}: AllOf<
  Usage,
  "cacheReadTokens" | "cacheWriteTokens" | "costMicroUsd" | "inputTokens" | "outputTokens"
>): string {
  const members =
    (cacheReadTokens === undefined ? "" : `,"cacheReadTokens":${written(cacheReadTokens)}`) +
    (cacheWriteTokens === undefined ? "" : `,"cacheWriteTokens":${written(cacheWriteTokens)}`) +
    (costMicroUsd === undefined ? "" : `,"costMicroUsd":${written(costMicroUsd)}`) +
    (inputTokens === undefined ? "" : `,"inputTokens":${written(inputTokens)}`) +
    (outputTokens === undefined ? "" : `,"outputTokens":${written(outputTokens)}`);
  return `{${members.slice(1)}}`;
}
