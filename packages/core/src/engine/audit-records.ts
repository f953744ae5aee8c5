import type { AuditIdentity, DecisionRecord, OutcomeRecord } from "../audit/audit-record.ts";
import { inputDigest } from "../context/call-key.ts";
import type { PolicyContext } from "../context/context.ts";
import { inputOf } from "../context/create-context.ts";
import type { Decision } from "../decision/decision.ts";
import type { CallEnd, Ruling } from "../decision/decision-point.ts";
import type { ToolTraits } from "../policy/traits.ts";
import { auditView } from "./audit-view.ts";
import type { EngineParts } from "./engine-parts.ts";
import type { InFlight } from "./in-flight.ts";
import { NO_DUTIES, type OwnedObligation } from "./owned-obligation.ts";
import type { Pass } from "./pass.ts";
import { isLive, type Plan } from "./plan.ts";
import { hasRun, isEstimated, isUnused, type RunEnd } from "./settle.ts";

/** What the policies that match let a record contain, and how it must be kept. */
export interface AuditScope {
  readonly includeInput: boolean;
  readonly includeResult: boolean;
  readonly mode: "durable" | "buffered";
}

/** Reads the audit declarations of a plan; a declared writing, external or executing tool makes the call wait. */
export function auditScopeOf(
  plan: Plan | undefined,
  context: PolicyContext,
  traits: ToolTraits | undefined,
): AuditScope {
  const isRisky =
    traits !== undefined &&
    (traits.access === "write" || traits.access === "exec" || traits.external === true);
  let includeInput = false;
  let includeResult = false;
  let mode: AuditScope["mode"] = isRisky ? "durable" : "buffered";
  const audits = plan?.audits ?? NO_AUDITS;
  if (audits.length === 0) return isRisky ? DURABLE : BUFFERED;
  for (const entry of audits) {
    const declared = entry.rule.audit;
    if (declared === undefined || !isLive(entry, context)) continue;
    includeInput ||= declared.includeInput;
    includeResult ||= declared.includeResult;
    // A policy may ask for more durability than the tool's traits, never for less.
    if (declared.mode === "durable") mode = "durable";
  }
  return { includeInput, includeResult, mode };
}

const NO_AUDITS: Plan["audits"] = Object.freeze([]);
const DURABLE: AuditScope = Object.freeze({ includeInput: false, includeResult: false, mode: "durable" });
const BUFFERED: AuditScope = Object.freeze({ includeInput: false, includeResult: false, mode: "buffered" });

/** The one record of a decision. */
export function decisionRecord(
  pass: Pass,
  decision: Decision,
  scope: AuditScope,
  parts: EngineParts,
): DecisionRecord {
  const { context, call } = pass;
  const { tool, model, callId, traceId } = context;
  const at = parts.ports.clock.wallMs();
  const identity = identityOf(context);
  const { attempt } = call;
  // What is added to a literal takes a second object.
  const record: Draft<DecisionRecord> =
    tool === undefined
      ? { kind: "decision", at, identity, decision, attempt }
      : {
          kind: "decision",
          at,
          identity,
          decision,
          attempt,
          tool: tool.name,
          inputDigest: inputDigest(context, parts.ports.hash),
        };
  if (model !== undefined) record.model = model.name;
  if (callId !== undefined) record.callId = callId;
  if (traceId !== undefined) record.traceId = traceId;
  const input = scope.includeInput ? inputOf(context) : undefined;
  if (input !== undefined)
    record.input = auditView(input, auditDuties(pass.plan, context, pass.duties), parts);
  return record;
}

/**
 * The redactions of a record: those of every matching rule, also of rules that were not asked because something else
 * had already blocked the call.
 */
function auditDuties(
  plan: Plan | undefined,
  context: PolicyContext,
  given: readonly OwnedObligation[],
): readonly OwnedObligation[] {
  const all = [...given];
  for (const entry of plan?.entries ?? []) if (isLive(entry, context)) all.push(...entry.duties);
  return all;
}

/** Members are set one by one: a spread for each that may be absent costs more than the rest of a record. */
type Draft<T> = { -readonly [Field in keyof T]: T[Field] };

/** How an admitted call ended, for its record. */
export interface EndFacts {
  readonly flight: InFlight;
  readonly status: OutcomeRecord["outcome"];
  readonly durationMs: number;
  /** Undefined where nobody has reported any. */
  readonly end: CallEnd | undefined;
  /** What the result's judgement came to, and the pass that judged it. */
  readonly shown: Ruling | undefined;
  readonly judging: Pass | undefined;
}

/** The one record of an outcome, with the ruling on its result. */
export function outcomeRecord(facts: EndFacts, scope: AuditScope, parts: EngineParts): OutcomeRecord {
  const { flight, end, shown, judging } = facts;
  const context = shown?.context ?? flight.ruling.context;
  const { tool, model, result } = context;
  const record: Draft<OutcomeRecord> = {
    kind: "outcome",
    at: parts.ports.clock.wallMs(),
    identity: identityOf(context),
    decisionId: flight.ruling.decision.id,
    outcome: facts.status,
    durationMs: facts.durationMs,
  };
  if (tool !== undefined) record.tool = tool.name;
  if (model !== undefined) record.model = model.name;
  if (shown !== undefined) record.after = shown.decision;
  if (hasRun(end)) addUsage(record, flight, end);
  if (scope.includeResult && result !== undefined) {
    const given = [...flight.duties, ...(judging?.duties ?? NO_DUTIES)];
    record.result = auditView(result, auditDuties(judging?.plan, context, given), parts);
  }
  return record;
}

function addUsage(record: Draft<OutcomeRecord>, flight: InFlight, end: RunEnd): void {
  const { usage } = end;
  if (usage !== undefined) record.usage = usage;
  if (!isUnused(end) && isEstimated(flight, usage)) record.isEstimated = true;
}

let latestFor: PolicyContext | undefined;
let latest: AuditIdentity | undefined;

/** The two records of a call mostly follow each other: they share one, and so its text. */
function identityOf(context: PolicyContext): AuditIdentity {
  const known = latestFor;
  if (
    latest !== undefined &&
    known?.agent === context.agent &&
    known.tenant === context.tenant &&
    known.user === context.user &&
    known.session === context.session
  )
    return latest;
  latestFor = context;
  latest = Object.freeze(newIdentity(context));
  return latest;
}

function newIdentity({ agent, tenant, user, session }: PolicyContext): AuditIdentity {
  const identity: Draft<AuditIdentity> = { agent: agent.id };
  if (agent.runId !== undefined) identity.runId = agent.runId;
  if (agent.ancestors.length > 0) identity.ancestors = agent.ancestors;
  if (tenant !== undefined) identity.tenant = tenant;
  if (user !== undefined) identity.user = user;
  if (session !== undefined) identity.session = session;
  return identity;
}
