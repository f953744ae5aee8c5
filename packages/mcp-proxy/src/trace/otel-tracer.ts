import type { CallTracer, TraceCarrier } from "../connection/call-tracer.ts";

/** What is used of `@opentelemetry/api` (1.9): described here so that the package stays an optional peer. */
export interface OtelTraceApi {
  readonly trace: {
    getTracer(name: string): OtelTracer;
    setSpan(context: OtelContext, span: OtelSpan): OtelContext;
  };
  readonly context: {
    active(): OtelContext;
    with<T>(context: OtelContext, act: () => T): T;
  };
  readonly propagation: {
    extract(context: OtelContext, carrier: TraceCarrier): OtelContext;
    inject(context: OtelContext, carrier: Record<string, string>): void;
  };
}

interface OtelContext {
  getValue(key: symbol): unknown;
  setValue(key: symbol, value: unknown): OtelContext;
  deleteValue(key: symbol): OtelContext;
}

interface OtelTracer {
  startSpan(
    name: string,
    options: { kind: number; attributes: Record<string, string | number | boolean> },
    context: OtelContext,
  ): OtelSpan;
}

interface OtelSpan {
  spanContext(): { readonly traceId: string };
  setAttributes(attributes: Record<string, string | number | boolean>): unknown;
  setStatus(status: { code: number }): unknown;
  end(): void;
}

/** `SpanKind.SERVER` and `SpanStatusCode.ERROR` of the API. */
const SERVER = 1;
const ERROR = 2;
/** The scope under which OpenTelemetry files the spans. */
const TRACER_NAME = "@agentplane/mcp-proxy";
/** What `spanContext` gives where no SDK is registered. */
const NO_TRACE = /^0*$/;

/**
 * Makes a span of each request, under the names of OpenTelemetry's conventions for MCP: what a client put into `_meta`
 * (`traceparent`, `tracestate`) is its parent, and the server gets its context in the same place. What a call says and
 * gives is not in it.
 * @param api The module `@opentelemetry/api`, imported by the user: without an SDK and a propagator it traces nothing.
 * @param options `isAlwaysPropagated`: the server gets the context also where the client sent none. Default false: the
 *   messages of a client that does not trace stay as they are.
 * @example runStdioProxy({ ...options, tracer: otelTracer(await import("@opentelemetry/api")) });
 */
export function otelTracer(
  api: OtelTraceApi,
  { isAlwaysPropagated = false }: { readonly isAlwaysPropagated?: boolean } = {},
): CallTracer {
  const { trace, context, propagation } = api;
  const tracer = trace.getTracer(TRACER_NAME);
  return {
    start({ name, attributes, parent }) {
      const outer = propagation.extract(context.active(), parent);
      const span = tracer.startSpan(name, { kind: SERVER, attributes: { ...attributes } }, outer);
      const inner = trace.setSpan(outer, span);
      const carrier: Record<string, string> = {};
      propagation.inject(inner, carrier);
      const { traceId } = span.spanContext();
      return {
        ...(!NO_TRACE.test(traceId) && { traceId }),
        carrier,
        isAlwaysCarried: isAlwaysPropagated,
        say: (more) => void span.setAttributes({ ...more }),
        run: (act) => context.with(inner, act),
        end(error) {
          if (error !== undefined) {
            span.setAttributes({ "error.type": error });
            span.setStatus({ code: ERROR });
          }
          span.end();
        },
      };
    },
  };
}
