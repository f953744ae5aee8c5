import type { MetricAttributes, MetricDescription, MetricInstrument, MetricsPort } from "./metrics.ts";

interface InstrumentOptions {
  readonly unit: string;
  readonly description: string;
}

/** What is used of `@opentelemetry/api` (1.9): described here so that the package stays an optional peer. */
export interface OtelApi {
  readonly metrics: {
    getMeter(name: string): {
      createCounter(
        name: string,
        options: InstrumentOptions,
      ): { add(value: number, attributes: Attributes): void };
      createHistogram(
        name: string,
        options: InstrumentOptions,
      ): { record(value: number, attributes: Attributes): void };
    };
  };
}

// OpenTelemetry takes a mutable record and does not change it.
type Attributes = Record<string, string | number | boolean>;

/** The scope under which OpenTelemetry files the instruments. */
export const METER_NAME = "@agentplane/core";

/**
 * Fits OpenTelemetry to the metrics port; one instrument per name, however many rules record into it.
 * @param api The module `@opentelemetry/api`, imported by the user: without an SDK it counts into nothing.
 * @example createAgentPlane({ metrics: otelMetrics(await import("@opentelemetry/api")) });
 */
export function otelMetrics(api: OtelApi): MetricsPort {
  const meter = api.metrics.getMeter(METER_NAME);
  const known = new Map<string, MetricInstrument>();
  const once = (
    name: string,
    create: () => (value: number, attributes: Attributes) => void,
  ): MetricInstrument => {
    const existing = known.get(name);
    if (existing !== undefined) return existing;
    const write = create();
    const instrument = {
      record: (value: number, attributes: MetricAttributes) => write(value, { ...attributes }),
    };
    known.set(name, instrument);
    return instrument;
  };
  return {
    counter: ({ name, ...options }: MetricDescription) =>
      once(name, () => {
        const counter = meter.createCounter(name, options);
        return (value, attributes) => counter.add(value, attributes);
      }),
    histogram: ({ name, ...options }: MetricDescription) =>
      once(name, () => {
        const histogram = meter.createHistogram(name, options);
        return (value, attributes) => histogram.record(value, attributes);
      }),
  };
}
