import { expect, test } from "vitest";

import * as api from "@opentelemetry/api";

import { METER_NAME, otelMetrics, type OtelApi } from "../../src/base/otel-metrics.ts";

const DESCRIPTION = { name: "agentplane.decisions", unit: "{decision}", description: "decisions" };

test("one_counter_per_metric", () => {
  const created: string[] = [];
  const added: unknown[] = [];
  const provider: ReturnType<OtelApi["metrics"]["getMeterProvider"]> = {
    getMeter: (meter) => ({
      createCounter: (name, options) => {
        created.push(`${meter} ${name} ${options.unit}`);
        return { add: (value, attributes) => void added.push([value, attributes]) };
      },
      createHistogram: (name) => ({
        record: (value, attributes) => void added.push([name, value, attributes]),
      }),
    }),
  };
  const fake: OtelApi = {
    metrics: {
      getMeterProvider: () => provider,
    },
  };
  const metrics = otelMetrics(fake);
  metrics.counter(DESCRIPTION).record(1, { a: "b" });
  metrics.counter(DESCRIPTION).record(2, {});
  metrics.histogram({ ...DESCRIPTION, name: "x.duration" }).record(3, {});
  expect(created).toStrictEqual([`${METER_NAME} agentplane.decisions {decision}`]);
  expect(added).toStrictEqual([
    [1, { a: "b" }],
    [2, {}],
    ["x.duration", 3, {}],
  ]);
});

test("fits the real API, which counts into nothing without an SDK", () => {
  expect(() => otelMetrics(api).counter(DESCRIPTION).record(1, { a: 1 })).not.toThrow();
});
