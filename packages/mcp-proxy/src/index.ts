export type { Peers } from "./call/connection.ts";
export type { Frame } from "./frame/frame.ts";
export type { ProxyIdentity, ProxyOptions, ProxyPlane } from "./proxy-options.ts";
export { createHttpProxy, type HttpProxy } from "./http/http-proxy.ts";
export type { HttpProxyOptions } from "./http/http-options.ts";
export { createRelay, type Relay } from "./relay.ts";
export { runStdioProxy, type StdioProxyOptions } from "./stdio-proxy.ts";
