/** What a span says; names and values as OpenTelemetry wants them. */
export type SpanAttributes = Readonly<Record<string, string | number | boolean>>;

/** A trace context on its way, as W3C Trace Context and Baggage write it. */
export interface TraceCarrier {
  readonly traceparent?: string;
  readonly tracestate?: string;
  readonly baggage?: string;
}

/** A request as its span begins. */
export interface TracedRequest {
  readonly name: string;
  readonly attributes: SpanAttributes;
  /** The trace context that came with it, unread. */
  readonly parent: TraceCarrier;
}

/** The span of one request. */
export interface CallSpan {
  /** The trace it belongs to: 32 hex digits. Undefined where nothing traces. */
  readonly traceId?: string;
  /** What whoever is asked because of it is told instead of what came. */
  readonly carrier: TraceCarrier;
  /** Whether that is told also where nothing came. */
  readonly isAlwaysCarried: boolean;
  say(attributes: SpanAttributes): void;
  /** Runs what belongs to it: spans that are begun inside are its children. */
  run<T>(act: () => T): T;
  /** @param error What kind of error it ended with. Default: none. */
  end(error?: string): void;
}

/** Begins a span for each request; `otelTracer` makes one. */
export interface CallTracer {
  start(request: TracedRequest): CallSpan;
}
