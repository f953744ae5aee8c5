import type { MetricAttributes, MetricDescription, MetricInstrument, MetricsPort } from "./metrics.ts";

interface InstrumentOptions {
  readonly unit: string;
  readonly description: string;
  readonly advice?: { readonly explicitBucketBoundaries: number[] };
}

interface OtelMeter {
  createCounter(
    name: string,
    options: InstrumentOptions,
  ): { add(value: number, attributes: Attributes): void };
  createHistogram(
    name: string,
    options: InstrumentOptions,
  ): { record(value: number, attributes: Attributes): void };
}

/** What is used of `@opentelemetry/api` (1.9): described here so that the package stays an optional peer. */
export interface OtelApi {
  readonly metrics: {
    getMeterProvider(): { getMeter(name: string): OtelMeter };
  };
}

// OpenTelemetry takes a mutable record and does not change it.
type Attributes = Record<string, string | number | boolean>;

/** The scope under which OpenTelemetry files the instruments. */
export const METER_NAME = "@agentplane/core";

/**
 * Fits OpenTelemetry to the metrics port; one instrument per name, however many rules record into it. An SDK may be
 * started, or exchanged, after the plane was made: what is recorded from then on goes there.
 * @param api The module `@opentelemetry/api`, imported by the user: without an SDK it counts into nothing.
 * @example createAgentPlane({ metrics: otelMetrics(await import("@opentelemetry/api")) });
 */
export function otelMetrics(api: OtelApi): MetricsPort {
  const known = new Map<string, MetricInstrument>();
  const once = (
    name: string,
    create: (meter: OtelMeter) => (value: number, attributes: Attributes) => void,
  ): MetricInstrument => {
    const existing = known.get(name);
    if (existing !== undefined) return existing;
    let provider: unknown;
    let write: ((value: number, attributes: Attributes) => void) | undefined;
    const instrument = {
      record: (value: number, attributes: MetricAttributes) => {
        // Unlike tracers, a meter that was taken before the SDK started would count into nothing for ever.
        const now = api.metrics.getMeterProvider();
        if (write === undefined || now !== provider) write = create(now.getMeter(METER_NAME));
        provider = now;
        write(value, { ...attributes });
      },
    };
    known.set(name, instrument);
    return instrument;
  };
  return {
    counter: ({ name, unit, description }: MetricDescription) =>
      once(name, (meter) => {
        const counter = meter.createCounter(name, { unit, description });
        return (value, attributes) => counter.add(value, attributes);
      }),
    histogram: ({ name, bucketEnds, ...options }: MetricDescription) =>
      once(name, (meter) => {
        const advice = bucketEnds && { explicitBucketBoundaries: [...bucketEnds] };
        const histogram = meter.createHistogram(name, { ...options, ...(advice && { advice }) });
        return (value, attributes) => histogram.record(value, attributes);
      }),
  };
}
