export type { Peers } from "./connection/connection.ts";
export type { Frame } from "./frame/frame.ts";
export type { ProxyIdentity, ProxyOptions, ProxyPlane } from "./connection/proxy-options.ts";
export { createHttpProxy, type HttpProxy } from "./serve/http-proxy.ts";
export type { HttpProxyOptions } from "./serve/http-options.ts";
export { createRelay, type Relay } from "./relay.ts";
export type {
  CallSpan,
  CallTracer,
  SpanAttributes,
  TraceCarrier,
  TracedRequest,
} from "./connection/call-tracer.ts";
export { otelTracer, type OtelTraceApi } from "./trace/otel-tracer.ts";
export { runStdioProxy, type StdioProxyOptions } from "./stdio-proxy.ts";
