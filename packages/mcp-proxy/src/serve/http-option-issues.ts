import type { ConfigIssue } from "@agentplane/core";

import { addressIssues } from "../upstream/server-address.ts";
import type { HttpProxyOptions } from "./http-options.ts";

const LOOPBACK = new Set(["127.0.0.1", "::1", "localhost"]);
/** What only a server that listens can be given. */
const OF_ADDRESS = ["upstreamTransport", "upstreamToken", "forwardAuthorization", "publicOrigin"] as const;
/** To Node.js a time of 0 to arrive in is no limit. */
const LEAST = [
  ["maxConcurrent", 0],
  ["maxSessions", 0],
  ["receiveMs", 1],
  ["resumeMs", 0],
  ["graceMs", 0],
  ["port", 0],
] as const;

/** What of a proxy's options would be unsafe or do nothing. */
export function httpOptionIssues(options: HttpProxyOptions): readonly ConfigIssue[] {
  const issues = [...upstreamIssues(options), ...gateIssues(options)];
  const { publicOrigin, forwardAuthorization } = options;
  const add = (path: string, message: string, suggestion: string): void =>
    void issues.push({ path, message, suggestion });
  if (publicOrigin !== undefined && !isOrigin(publicOrigin))
    add("publicOrigin", "is no origin", "use scheme, host and port alone: https://mcp.example.com");
  if (publicOrigin !== undefined && forwardAuthorization !== true)
    add("publicOrigin", "does nothing without forwardAuthorization", "leave it out");
  for (const [name, least] of LEAST) {
    const value = options[name] ?? least;
    if (!Number.isInteger(value) || value < least) add(name, `is no whole number from ${least}`, "use one");
  }
  return issues;
}

function upstreamIssues(options: HttpProxyOptions): readonly ConfigIssue[] {
  const { upstream, upstreamToken: token, upstreamTransport: transport, idleMs } = options;
  if (typeof upstream === "string") {
    const address = {
      url: upstream,
      ...(token !== undefined && { token }),
      ...(transport !== undefined && { transport }),
    };
    const at = { url: "upstream", token: "upstreamToken", transport: "upstreamTransport" };
    const isIdle =
      idleMs === undefined ? [] : [issue("idleMs", "is for a server that is started", "leave it out")];
    return [...addressIssues(address, at), ...isIdle];
  }
  const wrong = OF_ADDRESS.filter((name) => options[name] !== undefined && options[name] !== false);
  return [
    ...wrong.map((name) => issue(name, "is for a server that listens", "leave it out")),
    ...(upstream.command === "" ? [issue("upstream.command", "is empty", "name a program")] : []),
    ...(idleMs !== undefined && !(Number.isInteger(idleMs) && idleMs >= 1)
      ? [issue("idleMs", "is no whole number from 1", "use one")]
      : []),
  ];
}

function gateIssues(options: HttpProxyOptions): readonly ConfigIssue[] {
  const { host = "127.0.0.1", token, allowedHosts, forwardAuthorization, upstreamToken } = options;
  const issues: ConfigIssue[] = [];
  const add = (path: string, message: string, suggestion: string): void =>
    void issues.push({ path, message, suggestion });
  if (token === "") add("token", "is empty", "leave it out, or name one");
  if (!LOOPBACK.has(host) && token === undefined)
    add("token", "is missing", `with host "${host}" others can reach the proxy: set a token`);
  if (!LOOPBACK.has(host) && allowedHosts === undefined)
    add("allowedHosts", "is missing", "name the hosts that clients ask for");
  if (forwardAuthorization === true && (token !== undefined || upstreamToken !== undefined))
    add("forwardAuthorization", "would pass the proxy's own token on, or lose it", "use one or the other");
  return issues;
}

function isOrigin(text: string): boolean {
  return /^https?:/.test(text) && URL.canParse(text) && new URL(text).origin === text;
}

function issue(path: string, message: string, suggestion: string): ConfigIssue {
  return { path, message, suggestion };
}
