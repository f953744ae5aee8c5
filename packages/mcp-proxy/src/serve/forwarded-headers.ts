import type { IncomingHttpHeaders, OutgoingHttpHeaders } from "node:http";

import type { Frame } from "../frame/frame.ts";

/** What of a request a server needs. Cookies, credentials and whatever concerns one connection alone are not in it. */
const OF_REQUEST = new Set([
  "accept",
  "accept-language",
  "last-event-id",
  "user-agent",
  "traceparent",
  "tracestate",
  "baggage",
]);
const OF_RESPONSE = new Set(["cache-control", "retry-after", "allow", "deprecation", "sunset"]);
const MCP = "mcp-";

/** How headers pass. */
export interface HeaderRules {
  /** Whether the client's `Authorization` is the server's to see, and the server's challenge the client's. */
  readonly isAuthorizationForwarded: boolean;
  /** A challenge of the server's as the client gets it. */
  readonly challenge?: (value: string, host: string | undefined) => string;
  /** The headers that repeat arguments of a call, as far as it is known which do. */
  readonly repeating: (frame: Frame) => Readonly<Record<string, string>>;
}

/**
 * The headers of a request that go on to the server. The session is none of them: it is what the proxy knows it to be, so
 * that nobody acts in a session and is judged outside of it.
 */
export function requestHeaders(
  headers: IncomingHttpHeaders,
  { isAuthorizationForwarded }: HeaderRules,
): Record<string, string> {
  const { "mcp-session-id": _session, ...rest } = kept(
    headers,
    (name) => OF_REQUEST.has(name) || (isAuthorizationForwarded && name === "authorization"),
  );
  return rest;
}

/**
 * The headers of an answer that go back to the client, beside those that say what its body is.
 * @param host What the client asked for.
 */
export function responseHeaders(
  headers: IncomingHttpHeaders,
  { isAuthorizationForwarded, challenge }: HeaderRules,
  host: string | undefined,
): OutgoingHttpHeaders {
  const { "www-authenticate": given, ...others } = kept(
    headers,
    (name) => OF_RESPONSE.has(name) || (isAuthorizationForwarded && name === "www-authenticate"),
  );
  if (given === undefined) return others;
  return { ...others, "www-authenticate": challenge?.(given, host) ?? given };
}

function kept(headers: IncomingHttpHeaders, isKept: (name: string) => boolean): Record<string, string> {
  // What `Connection` names concerns this connection alone (RFC 9110, section 7.6.1).
  const own = (headers.connection ?? "").toLowerCase().split(",");
  const passed: Record<string, string> = {};
  for (const name in headers) {
    const value = headers[name];
    if (value === undefined || !(isKept(name) || name.startsWith(MCP))) continue;
    if (!own.some((one) => one.trim() === name)) passed[name] = String(value);
  }
  return passed;
}
