import { requireMembers } from "../base/argument.ts";
import { assertNever } from "../base/assert-never.ts";
import { AgentplaneError } from "../base/errors.ts";
import type { AuditRecord } from "./audit-record.ts";
import type { AuditSink } from "./audit-sink.ts";
import type { Decision } from "../decision/decision.ts";
import { recordText } from "./record-text.ts";

/** The part of an OpenTelemetry `Logger` (`@opentelemetry/api-logs`) that is used. */
export interface OtelLogger {
  emit(record: OtelLogRecord): void;
}

/** A log record of OpenTelemetry. */
export interface OtelLogRecord {
  readonly eventName: string;
  /** Epoch ms. */
  readonly timestamp: number;
  /** As the log data model of OpenTelemetry numbers them. */
  readonly severityNumber: number;
  readonly severityText: string;
  readonly body: string;
  readonly attributes: Readonly<Record<string, string | number>>;
}

const INFO = { severityNumber: 9, severityText: "INFO" };
const WARN = { severityNumber: 13, severityText: "WARN" };

/**
 * Gives every record to OpenTelemetry as a log record: the body is the record's canonical JSON, attributes name who did
 * what and what was decided. Blocked and withheld calls are `WARN`, the rest `INFO`.
 *
 * OpenTelemetry does not say what became of a record, so nothing is durable by this sink, and a durable record is
 * refused (`audit_failed`): put it beside one that is, with `fanOutSink` and `isRequired: false`.
 * @param logger `logs.getLogger("agentplane")` of `@opentelemetry/api-logs`.
 * @param options `forceFlush`: the provider's, for `plane.flush()`. Default: nothing to wait for.
 */
export function otelLogSink(
  logger: OtelLogger,
  options: { readonly forceFlush?: () => Promise<void> } = {},
): AuditSink {
  requireMembers("otelLogSink", options, ["forceFlush"]);
  const { forceFlush } = options;
  return {
    append(record, mode) {
      if (mode === "durable") throw notDurable();
      logger.emit({
        eventName: `agentplane.${record.kind}`,
        timestamp: record.at,
        ...(isRefusal(record) ? WARN : INFO),
        body: recordText(record),
        attributes: attributesOf(record),
      });
    },
    flush: () => forceFlush?.(),
    close: () => forceFlush?.(),
  };
}

function notDurable(): AgentplaneError {
  const message =
    "OpenTelemetry does not say whether it kept a record; " +
    "give otelLogSink to fanOutSink with isRequired: false, beside a sink that is durable";
  return new AgentplaneError("audit_failed", message);
}

function isRefusal(record: AuditRecord): boolean {
  switch (record.kind) {
    case "decision":
      return record.decision.effect === "block";
    case "outcome":
      return record.outcome === "withheld" || record.outcome === "failed";
    case "control":
      return false;
    default:
      return assertNever(record, "audit record");
  }
}

function attributesOf(record: AuditRecord): Readonly<Record<string, string | number>> {
  if (record.kind === "control") {
    const { action, by, subject } = record;
    return named({ action, by, subject });
  }
  const { agent, tenant, user, session, runId } = record.identity;
  const { tool, model } = record;
  const who = { agent, tenant, user, session, run_id: runId, tool, model };
  if (record.kind === "decision")
    return named({ ...who, trace_id: record.traceId, ...decisionAttributes(record.decision) });
  const { outcome, decisionId, durationMs } = record;
  return named({ ...who, outcome, decision_id: decisionId, duration_ms: durationMs });
}

function decisionAttributes(decision: Decision): Readonly<Record<string, string | undefined>> {
  const { id, hookpoint, verdict, effect, cause, policyId, ruleId } = decision;
  return { decision_id: id, hookpoint, verdict, effect, cause, policy_id: policyId, rule_id: ruleId };
}

/** Attributes under the product's name; what is absent has none. */
function named(
  members: Readonly<Record<string, string | number | undefined>>,
): Readonly<Record<string, string | number>> {
  const attributes: Record<string, string | number> = {};
  for (const [name, value] of Object.entries(members))
    if (value !== undefined) attributes[`agentplane.${name}`] = value;
  return attributes;
}
