import * as api from "@opentelemetry/api";
import {
  AggregationTemporality,
  InMemoryMetricExporter,
  MeterProvider,
  PeriodicExportingMetricReader,
} from "@opentelemetry/sdk-metrics";
import { afterEach, expect, test } from "vitest";

import { otelMetrics } from "../../src/base/otel-metrics.ts";
import { createAgentPlane } from "../../src/plane.ts";
import { rule } from "../../src/rules/rule-factory.ts";

afterEach(() => api.metrics.disable());

/** A started SDK, and what it exports. */
function startSdk() {
  const exporter = new InMemoryMetricExporter(AggregationTemporality.CUMULATIVE);
  // Exports when it is asked to.
  const reader = new PeriodicExportingMetricReader({ exporter, exportIntervalMillis: 3_600_000 });
  const provider = new MeterProvider({ readers: [reader] });
  api.metrics.setGlobalMeterProvider(provider);
  return async () => {
    await provider.forceFlush();
    const exported = exporter.getMetrics().flatMap(({ scopeMetrics }) => scopeMetrics);
    await provider.shutdown();
    return new Map(
      exported.flatMap(({ metrics }) => metrics).map((one) => [one.descriptor.name, one.dataPoints]),
    );
  };
}

test("a real SDK that starts after the plane was made exports what was decided and how long it took", async () => {
  const plane = createAgentPlane({
    policies: [{ id: "p", blocking: [rule.denylist({ tools: ["drop"] })], nonBlocking: [rule.metrics()] }],
    metrics: otelMetrics(api),
  });
  const call = (name: string) =>
    plane.guard.toolCall({
      context: { hookpoint: "before_tool_call", agent: "a", tool: { name, input: {} } },
      run: () => "done",
    });
  await call("early");
  await plane.flush();
  const exported = startSdk();
  await call("search");
  await call("drop");
  await plane.guard.modelCall({
    context: {
      hookpoint: "before_model_call",
      agent: "a",
      model: { name: "m", provider: "x", messages: [] },
    },
    run: () => "hello",
    usage: () => ({ inputTokens: 300, outputTokens: 5 }),
  });
  await plane.flush();
  const metrics = await exported();
  await plane.close();

  const decided = metrics.get("agentplane.decisions")?.map(({ value, attributes }) => ({
    value,
    tool: attributes["gen_ai.tool.name"],
    hookpoint: attributes["agentplane.hookpoint"],
    effect: attributes["agentplane.policy.decision"],
  }));
  expect(decided).toEqual(
    expect.arrayContaining([
      { value: 1, tool: "search", hookpoint: "before_tool_call", effect: "allow" },
      { value: 1, tool: "drop", hookpoint: "before_tool_call", effect: "block" },
    ]),
  );
  expect(metrics.get("gen_ai.execute_tool.duration")).toMatchObject([{ value: { count: 1 } }]);
  expect(metrics.get("gen_ai.client.operation.duration")).toMatchObject([
    { attributes: { "gen_ai.request.model": "m", "gen_ai.provider.name": "x" }, value: { count: 1 } },
  ]);
  expect(metrics.get("gen_ai.client.token.usage")?.map(({ value }) => value)).toMatchObject([
    { sum: 300, buckets: { boundaries: expect.arrayContaining([256, 1_024]) } },
    { sum: 5 },
  ]);
  // With the default buckets every decision would be one under five seconds.
  expect(metrics.get("agentplane.evaluation.duration")?.[0]?.value).toMatchObject({
    buckets: { boundaries: expect.arrayContaining([1e-5, 1e-3]) },
  });
});
