import * as fc from "fast-check";

import type {
  AuditRecord,
  ControlRecord,
  DecisionRecord,
  OutcomeRecord,
} from "../../src/audit/audit-record.ts";
import { DECISION_CAUSES, type Decision } from "../../src/decision/decision.ts";
import { createPorts } from "../../src/base/runtime.ts";

export const { hash } = createPorts();

/** A decision as the engine writes it for an ordinary call. */
export const DECISION: Decision = Object.freeze<Decision>({
  id: "d_5f1c2a9b_1z",
  hookpoint: "before_tool_call",
  intent: "admit",
  verdict: "allow",
  effect: "allow",
  cause: "rule",
  policyId: "acme.data-access",
  policyVersion: `sha256:${"ab".repeat(32)}`,
  ruleId: "allowlist",
  reason: "sql_run is listed",
  message: "Allowed.",
  retryAfterMs: undefined,
  approvalId: undefined,
  obligations: [
    { kind: "redact", from: ["result"], fields: ["ssn", "api_key"], detect: ["email"], treatment: "mask" },
  ],
  findings: [
    {
      policyId: "acme.data-access",
      policyVersion: `sha256:${"ab".repeat(32)}`,
      ruleId: "allowlist",
      kind: "allowlist",
      answer: "allow",
      reason: "sql_run is listed",
    },
  ],
  shadow: [],
  modes: [],
  revision: 12,
  isUnknown: false,
  isOverrun: false,
  durationMs: 0.0123,
});

export function decisionRecord(changes: Partial<DecisionRecord> = {}): DecisionRecord {
  return {
    kind: "decision",
    at: 1_764_000_000_000,
    identity: { agent: "billing-1", runId: "r1", tenant: "acme", user: "ada", session: "s1" },
    decision: DECISION,
    tool: "sql_run",
    callId: "call_1",
    attempt: 1,
    inputDigest: "cd".repeat(32),
    ...changes,
  };
}

export function controlRecord(subject: string): ControlRecord {
  return { kind: "control", at: 1_764_000_000_000, action: "unplug", by: "ada", subject, reason: "incident" };
}

const text = fc.string({ maxLength: 12, unit: "grapheme" });
const maybe = <T>(value: fc.Arbitrary<T>): fc.Arbitrary<T | undefined> =>
  fc.option(value, { nil: undefined });
const json = fc.jsonValue({ maxDepth: 3 }) as fc.Arbitrary<never>;

const identity = fc.record(
  { agent: text, runId: text, ancestors: fc.array(text), tenant: text, user: text, session: text },
  { requiredKeys: ["agent"] },
);

const finding = fc.record({
  policyId: text,
  policyVersion: text,
  ruleId: text,
  kind: text,
  answer: fc.constantFrom("allow", "escalate", "degrade", "block"),
  reason: text,
  failure: maybe(fc.constantFrom("threw", "timeout", "invalid")),
});

const obligation = fc.oneof(
  fc.record({
    kind: fc.constant("redact" as const),
    from: fc.subarray(["input", "result"] as const),
    fields: fc.array(text),
    detect: fc.array(text),
    treatment: fc.constantFrom("drop", "mask"),
  }),
  fc.record({ kind: fc.constant("rewrite" as const), path: text, value: json }),
  fc.record({ kind: fc.constant("clampOutput" as const), maxOutputTokens: fc.nat() }),
);

export const decisions: fc.Arbitrary<Decision> = fc.record(
  {
    id: text,
    hookpoint: fc.constantFrom("before_tool_call", "after_model_call"),
    intent: fc.constantFrom("ask", "admit"),
    verdict: fc.constantFrom("allow", "block"),
    effect: fc.constantFrom("allow", "ask", "block"),
    cause: fc.constantFrom(...DECISION_CAUSES),
    policyId: maybe(text),
    policyVersion: maybe(text),
    ruleId: maybe(text),
    reason: text,
    message: text,
    retryAfterMs: maybe(fc.nat()),
    approvalId: maybe(text),
    obligations: fc.array(obligation, { maxLength: 3 }),
    findings: fc.array(finding, { maxLength: 3 }),
    shadow: fc.array(finding, { maxLength: 2 }),
    modes: fc.subarray(["READ_ONLY", "FULL_BLOCK"] as const),
    revision: fc.nat(),
    isUnknown: fc.boolean(),
    isOverrun: fc.boolean(),
    durationMs: fc.double({ min: 0, max: 1e6, noNaN: true }),
  },
  {
    requiredKeys: [
      ...(["id", "hookpoint", "intent", "verdict", "effect", "cause", "reason", "message"] as const),
      ...(["obligations", "findings", "shadow", "modes", "revision", "durationMs"] as const),
    ],
  },
);

const decisionRecords: fc.Arbitrary<DecisionRecord> = fc.record(
  {
    kind: fc.constant("decision" as const),
    at: fc.nat(),
    identity,
    decision: decisions,
    tool: text,
    model: text,
    callId: text,
    traceId: text,
    attempt: fc.nat(),
    inputDigest: text,
    input: json,
  },
  { requiredKeys: ["kind", "at", "identity", "decision"] },
);

const usage = fc.record(
  {
    inputTokens: fc.nat(),
    outputTokens: fc.nat(),
    cacheReadTokens: fc.nat(),
    cacheWriteTokens: fc.nat(),
    costMicroUsd: fc.nat(),
  },
  { requiredKeys: [] },
);

const outcomeRecords: fc.Arbitrary<OutcomeRecord> = fc.record(
  {
    kind: fc.constant("outcome" as const),
    at: fc.nat(),
    identity,
    decisionId: text,
    outcome: fc.constantFrom("ran", "failed", "withheld", "released", "suspended", "unsettled"),
    tool: text,
    model: text,
    after: decisions,
    usage,
    isEstimated: fc.boolean(),
    durationMs: fc.nat(),
    result: json,
  },
  { requiredKeys: ["kind", "at", "identity", "decisionId", "outcome", "durationMs"] },
);

const controlRecords: fc.Arbitrary<ControlRecord> = fc.record(
  {
    kind: fc.constant("control" as const),
    at: fc.nat(),
    action: text,
    by: text,
    subject: text,
    reason: text,
    data: fc.dictionary(text, json),
  },
  { requiredKeys: ["kind", "at", "action", "by", "subject"] },
);

/** Any record the engine may write. */
export const records: fc.Arbitrary<AuditRecord> = fc.oneof(decisionRecords, outcomeRecords, controlRecords);
