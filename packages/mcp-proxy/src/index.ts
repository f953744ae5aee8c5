export type { Peers } from "./call/connection.ts";
export type { Frame } from "./frame/frame.ts";
export type { ProxyIdentity, ProxyOptions, ProxyPlane } from "./proxy-options.ts";
export { createHttpProxy, type HttpProxy } from "./http/http-proxy.ts";
export type { HttpProxyOptions } from "./http/http-options.ts";
export { createRelay, type Relay } from "./relay.ts";
export type {
  CallSpan,
  CallTracer,
  SpanAttributes,
  TraceCarrier,
  TracedRequest,
} from "./trace/call-tracer.ts";
export { otelTracer, type OtelTraceApi } from "./trace/otel-tracer.ts";
export { runStdioProxy, type StdioProxyOptions } from "./stdio-proxy.ts";
