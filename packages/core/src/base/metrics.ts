/** Dimensions of a measurement. */
export type MetricAttributes = Readonly<Record<string, string | number | boolean>>;

/** What an instrument is called, counts in, and means. */
export interface MetricDescription {
  readonly name: string;
  /** A UCUM unit, such as `s`, `{token}`, `{decision}`. */
  readonly unit: string;
  readonly description: string;
  /** Where the buckets of a histogram end, in its unit: the default ones of OpenTelemetry begin with 5. */
  readonly bucketEnds?: readonly number[];
}

/** One instrument; `record` adds to a counter or observes into a histogram. */
export interface MetricInstrument {
  record(value: number, attributes: MetricAttributes): void;
}

/**
 * The port for metrics: each instrument is created once and then recorded into. `otelMetrics` fits it to
 * OpenTelemetry.
 */
export interface MetricsPort {
  counter(description: MetricDescription): MetricInstrument;
  histogram(description: MetricDescription): MetricInstrument;
}
