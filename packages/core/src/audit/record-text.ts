import type { AllOf } from "../base/all-of.ts";
import { assertNever } from "../base/assert-never.ts";
import { canonicalJson } from "../base/canonical-json.ts";
import { written } from "../base/json-text.ts";
import { JsonText, SharedJson, type JsonTarget } from "../base/json-target.ts";
import type { Usage } from "../base/model-costs.ts";
import type { AuditIdentity, AuditRecord, DecisionRecord, OutcomeRecord } from "./audit-record.ts";
import type { DecisionPlace } from "../decision/decision-template.ts";
import { addDecision } from "./decision-text.ts";
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

/** The same, ill-formed where the record is: for who makes a longer text of it and looks that over whole. */
export function writtenRecord(record: AuditRecord): string {
  const json = spare ?? new JsonText();
  // Whoever comes while this one is written, or after it failed, gets another.
  spare = undefined;
  addRecord(json, record);
  spare = json;
  return json.take();
}

/** Kept: with the last of its kind V8 forgets its shape at the next collection, and drops all code compiled for it. */
let spare: JsonText | undefined = new JsonText();

/**
 * Adds the same in to, ill-formed where the record is: for who writes it into a longer text and looks that over.
 * @throws AgentplaneError `content_refused` for content that JSON cannot carry
 */
export function addRecord(to: JsonTarget, record: AuditRecord): void {
  switch (record.kind) {
    case "decision":
      if (record.input === undefined) return addDecisionRecord(to, record);
      break;
    case "outcome":
      if (record.result === undefined) return addOutcome(to, record);
      break;
    case "control":
      break;
    default:
      assertNever(record, "audit record");
  }
  to.add(canonicalJson(record));
}

// The members below stand in the order of their UTF-16 units: that order is what makes the text canonical; a test
// compares with the canonical writer. A member that may be absent brings its own comma. Two pieces together are one more
// text until the line is written, so each is added by itself.

const START = {
  record: new SharedJson(`{"at":`),
  attempt: new SharedJson(`,"attempt":1`),
  agent: new SharedJson(`{"agent":"`),
  usage: new SharedJson(`,"usage":{`),
};

/** What stands before a text that is the value of a member. */
const LABEL = {
  callId: new SharedJson(`,"callId":"`),
  decisionId: new SharedJson(`,"decisionId":"`),
  inputDigest: new SharedJson(`,"inputDigest":"`),
  model: new SharedJson(`,"model":"`),
  outcome: new SharedJson(`,"outcome":"`),
  runId: new SharedJson(`,"runId":"`),
  session: new SharedJson(`,"session":"`),
  tenant: new SharedJson(`,"tenant":"`),
  tool: new SharedJson(`,"tool":"`),
  traceId: new SharedJson(`,"traceId":"`),
  user: new SharedJson(`,"user":"`),
};

const KIND = {
  decision: new SharedJson(`,"kind":"decision"`),
  outcome: new SharedJson(`,"kind":"outcome"`),
};

function addDecisionRecord(
  to: JsonTarget,
  record: AllOf<
    DecisionRecord,
    | ("at" | "attempt" | "callId" | "decision" | "identity")
    | ("input" | "inputDigest" | "kind" | "model" | "tool" | "traceId")
  >,
): void {
  const { at, attempt, callId, inputDigest, model, tool, traceId } = record;
  to.addShared(START.record);
  to.add(timeText(at));
  if (attempt === 1) to.addShared(START.attempt);
  else if (attempt !== undefined) to.add(`,"attempt":${written(attempt)}`);
  addText(to, LABEL.callId, callId);
  addDecision(to, record.decision, IN_DECISION);
  addIdentity(to, record.identity);
  addText(to, LABEL.inputDigest, inputDigest);
  to.addShared(KIND.decision);
  addText(to, LABEL.model, model);
  addText(to, LABEL.tool, tool);
  addText(to, LABEL.traceId, traceId);
  to.add("}");
}

function addOutcome(
  to: JsonTarget,
  record: AllOf<
    OutcomeRecord,
    | ("after" | "at" | "decisionId" | "durationMs" | "identity" | "isEstimated")
    | ("kind" | "model" | "outcome" | "result" | "tool" | "usage")
  >,
): void {
  const { after, at, decisionId, durationMs, isEstimated, model, outcome, tool, usage } = record;
  if (after === undefined) to.addShared(START.record);
  else addDecision(to, after, IN_OUTCOME);
  to.add(timeText(at));
  addText(to, LABEL.decisionId, decisionId);
  to.addShared(DURATION);
  to.add(written(durationMs));
  to.addShared(IDENTITY);
  addIdentity(to, record.identity);
  if (isEstimated !== undefined) to.add(`,"isEstimated":${isEstimated}`);
  to.addShared(KIND.outcome);
  addText(to, LABEL.model, model);
  addText(to, LABEL.outcome, outcome);
  addText(to, LABEL.tool, tool);
  if (usage === undefined) to.add("}");
  else addUsage(to, usage);
}

const DURATION = new SharedJson(`,"durationMs":`);
const IDENTITY = new SharedJson(`,"identity":`);
const IN_DECISION: DecisionPlace = { before: `,"decision":`, after: `,"identity":` };
const IN_OUTCOME: DecisionPlace = { before: `{"after":`, after: `,"at":` };

let latestTime = 0;
let latestTimeText = "0";

/** Many records are of one millisecond, and writing so long a number takes longer than comparing it. */
function timeText(at: number): string {
  if (at !== latestTime) {
    latestTime = at;
    latestTimeText = written(at);
  }
  return latestTimeText;
}

function addText(to: JsonTarget, label: SharedJson, text: string | undefined): void {
  if (text === undefined) return;
  to.addShared(label);
  to.addRaw(text);
  to.add(`"`);
}

function addIdentity(
  to: JsonTarget,
  identity: AllOf<AuditIdentity, "agent" | "ancestors" | "runId" | "session" | "tenant" | "user">,
): void {
  const { agent, ancestors, runId, session, tenant, user } = identity;
  addText(to, START.agent, agent);
  if (ancestors !== undefined) to.add(`,"ancestors":${JSON.stringify(ancestors)}`);
  addText(to, LABEL.runId, runId);
  addText(to, LABEL.session, session);
  addText(to, LABEL.tenant, tenant);
  addText(to, LABEL.user, user);
  to.add("}");
}

/** What stands before a count that is the first of its usage; a comma goes before the others. */
const COUNT = {
  cacheReadTokens: new SharedJson(`"cacheReadTokens":`),
  cacheWriteTokens: new SharedJson(`"cacheWriteTokens":`),
  costMicroUsd: new SharedJson(`"costMicroUsd":`),
  inputTokens: new SharedJson(`"inputTokens":`),
  outputTokens: new SharedJson(`"outputTokens":`),
};

/** The last member of its record. Count by count: by a name out of a list each would be looked up anew. */
function addUsage(to: JsonTarget, usage: AllOf<Usage, keyof typeof COUNT>): void {
  to.addShared(START.usage);
  let isFirst = addCount(to, COUNT.cacheReadTokens, usage.cacheReadTokens, true);
  isFirst = addCount(to, COUNT.cacheWriteTokens, usage.cacheWriteTokens, isFirst);
  isFirst = addCount(to, COUNT.costMicroUsd, usage.costMicroUsd, isFirst);
  isFirst = addCount(to, COUNT.inputTokens, usage.inputTokens, isFirst);
  addCount(to, COUNT.outputTokens, usage.outputTokens, isFirst);
  to.add("}}");
}

/** @returns Whether the next one is the first. */
function addCount(to: JsonTarget, label: SharedJson, count: number | undefined, isFirst: boolean): boolean {
  if (count === undefined) return isFirst;
  if (!isFirst) to.add(",");
  to.addShared(label);
  to.add(written(count));
  return false;
}
