// What a user gives to `node --import`: an SDK that writes each span as a line to a file.
import { appendFileSync } from "node:fs";

import { propagation, trace } from "@opentelemetry/api";
import { W3CTraceContextPropagator } from "@opentelemetry/core";
import { SimpleSpanProcessor, TracerProvider } from "@opentelemetry/sdk-trace";

const file = process.env.SPANS_FILE ?? "";
const exporter = {
  export(spans, done) {
    for (const span of spans) {
      const { traceId, spanId } = span.spanContext();
      const parentId = span.parentSpanContext?.spanId;
      appendFileSync(file, `${JSON.stringify({ name: span.name, traceId, spanId, parentId })}\n`);
    }
    done({ code: 0 });
  },
  shutdown: async () => undefined,
};
trace.setGlobalTracerProvider(
  new TracerProvider({ spanProcessors: [new SimpleSpanProcessor({ exporter })] }),
);
propagation.setGlobalPropagator(new W3CTraceContextPropagator());
