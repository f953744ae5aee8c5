import * as api from "@opentelemetry/api";
import { W3CTraceContextPropagator } from "@opentelemetry/core";
import { InMemorySpanExporter, SimpleSpanProcessor, TracerProvider } from "@opentelemetry/sdk-trace";

import { otelTracer, type CallTracer, type OtelTraceApi } from "../../src/index.ts";

/** OpenTelemetry's SDK and propagator, of this test alone: what a process registers is for all that runs in it. */
export function recorded(options: Parameters<typeof otelTracer>[1] = {}): {
  readonly tracer: CallTracer;
  readonly spans: InMemorySpanExporter["getFinishedSpans"];
} {
  const exporter = new InMemorySpanExporter();
  const provider = new TracerProvider({ spanProcessors: [new SimpleSpanProcessor({ exporter })] });
  const propagator = new W3CTraceContextPropagator();
  const own: OtelTraceApi = {
    trace: { getTracer: (name) => provider.getTracer(name), setSpan: api.trace.setSpan },
    context: api.context,
    propagation: {
      extract: (context, carrier) => propagator.extract(context, carrier, api.defaultTextMapGetter),
      inject: (context, carrier) => propagator.inject(context, carrier, api.defaultTextMapSetter),
    },
  };
  return { tracer: otelTracer(own, options), spans: () => exporter.getFinishedSpans() };
}

export const TRACE_ID = "4bf92f3577b34da6a3ce929d0e0e4736";
export const PARENT_ID = "00f067aa0ba902b7";
export const TRACEPARENT = `00-${TRACE_ID}-${PARENT_ID}-01`;
