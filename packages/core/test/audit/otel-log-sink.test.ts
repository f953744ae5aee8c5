import { InMemoryLogRecordExporter, LoggerProvider, SimpleLogRecordProcessor } from "@opentelemetry/sdk-logs";
import { expect, test } from "vitest";

import { otelLogSink } from "../../src/audit/otel-log-sink.ts";
import { recordText } from "../../src/audit/record-text.ts";
import { createAgentPlane } from "../../src/plane.ts";
import { controlRecord, decisionRecord } from "./records.ts";

function openTelemetry() {
  const exporter = new InMemoryLogRecordExporter();
  const provider = new LoggerProvider({ processors: [new SimpleLogRecordProcessor({ exporter })] });
  const sink = otelLogSink(provider.getLogger("agentplane"), { forceFlush: () => provider.forceFlush() });
  return { sink, logs: () => exporter.getFinishedLogRecords() };
}

test("gives every record to OpenTelemetry, with its canonical text and who did what", async () => {
  const { sink, logs } = openTelemetry();
  const record = decisionRecord({ traceId: "4bf92f3577b34da6a3ce929d0e0e4736" });
  void sink.append(record, "buffered");
  void sink.append(controlRecord("shop"), "buffered");
  await sink.flush();
  const [decision, control] = logs();
  expect(decision).toMatchObject({
    eventName: "agentplane.decision",
    body: recordText(record),
    severityNumber: 9,
    attributes: {
      "agentplane.agent": record.identity.agent,
      "agentplane.effect": "allow",
      "agentplane.policy_id": record.decision.policyId,
      "agentplane.trace_id": record.traceId,
    },
  });
  expect(control).toMatchObject({
    eventName: "agentplane.control",
    attributes: { "agentplane.subject": "shop" },
  });
});

test("refuses to call a record durable: OpenTelemetry does not say what became of it", () => {
  const { sink, logs } = openTelemetry();
  expect(() => sink.append(controlRecord("shop"), "durable")).toThrow(
    expect.objectContaining({ code: "audit_failed" }),
  );
  expect(logs()).toStrictEqual([]);
});

test("a blocked call of a plane is a warning", async () => {
  const { sink, logs } = openTelemetry();
  const plane = createAgentPlane({ audit: sink, defaultEffect: "block" });
  await plane.engine.decide({ hookpoint: "before_tool_call", agent: "support", tool: "search" });
  await plane.close();
  expect(logs()).toMatchObject([
    {
      severityText: "WARN",
      attributes: { "agentplane.tool": "search", "agentplane.effect": "block" },
    },
  ]);
});
