import { ConfigError } from "@agentplane/core";
import { localhostAllowedHostnames } from "@modelcontextprotocol/server";

import { checkProxyOptions, type ProxyOptions } from "../connection/proxy-options.ts";
import type { HttpTransport } from "../upstream/server-address.ts";
import type { ServerCommand } from "../upstream/server-process.ts";
import { httpOptionIssues } from "./http-option-issues.ts";

/** A proxy that listens, in front of a server. */
export interface HttpProxyOptions extends ProxyOptions {
  /**
   * Where the server is: `http:` or `https:`, without credentials; its path is the proxy's path. Or how it is started: each
   * session has a process of its own, requests of 2026-07-28, which know no sessions, share one; the path is `/mcp`.
   */
  readonly upstream: string | ServerCommand;
  /** What a server that listens speaks. Default `auto`. */
  readonly upstreamTransport?: HttpTransport;
  /** The address to listen at. Default `127.0.0.1`. */
  readonly host?: string;
  /** Default: one that is free. */
  readonly port?: number;
  /** What clients must present as a bearer. Needed unless the address is of this machine alone. Default: nothing. */
  readonly token?: string;
  /** Names that clients may ask for, without port; beside `localhost`, `127.0.0.1` and `[::1]`. Needed like `token`. */
  readonly allowedHosts?: readonly string[];
  /** Names of the sites whose pages may ask, without port; beside those of this machine. */
  readonly allowedOrigins?: readonly string[];
  /** What the proxy presents to the server as a bearer. Default: nothing. */
  readonly upstreamToken?: string;
  /** Whether the client's `Authorization` goes on to the server, and the server's challenge back. Default false. */
  readonly forwardAuthorization?: boolean;
  /**
   * Scheme, host and port under which clients reach the proxy, where something that ends TLS stands before it: what the
   * server says of who gives tokens for it names this. Default: `http:` and what each client asks for.
   */
  readonly publicOrigin?: string;
  /** Requests and streams that are open at once; those above are told to come back. Default 1,000. */
  readonly maxConcurrent?: number;
  /** Sessions that are kept; above, the one that has been idle for longest ends. Default 1,000; 20 where each is a process. */
  readonly maxSessions?: number;
  /** How long a started server lives that nobody uses, in ms from 1. Default 1,800,000, half an hour. */
  readonly idleMs?: number;
  /** How long a request may take to arrive whole, in ms from 1; its headers at most 10,000. Default 60,000. */
  readonly receiveMs?: number;
  /** How long the answers of a stream that was cut wait for the client to come back, in ms. Default 60,000. */
  readonly resumeMs?: number;
  /** How long `close` waits for answers that are on their way, in ms. Default 5,000. */
  readonly graceMs?: number;
}

const OWN_NAMES = [
  "upstream",
  "upstreamTransport",
  "host",
  "port",
  "token",
  "allowedHosts",
  "allowedOrigins",
  "upstreamToken",
  "forwardAuthorization",
  "publicOrigin",
  "maxConcurrent",
  "maxSessions",
  "idleMs",
  "receiveMs",
  "resumeMs",
  "graceMs",
] as const;

/** The options with everything that was left out. */
export interface ResolvedHttpOptions {
  /** Undefined: the server is started. */
  readonly url?: URL;
  readonly command?: ServerCommand;
  readonly upstreamTransport: HttpTransport;
  readonly path: string;
  readonly idleMs?: number;
  readonly host: string;
  readonly port: number;
  readonly token?: string;
  readonly hosts: readonly string[];
  readonly origins: readonly string[];
  readonly upstreamToken?: string;
  readonly forwardAuthorization: boolean;
  readonly publicOrigin?: string;
  readonly maxConcurrent: number;
  readonly maxSessions: number;
  readonly maxFrameBytes: number;
  readonly receiveMs: number;
  readonly resumeMs: number;
  readonly graceMs: number;
  /** What of the options concerns each connection. */
  readonly relay: ProxyOptions;
}

/**
 * Fills in what was left out and refuses what would be unsafe or do nothing.
 * @throws ConfigError naming every issue
 */
export function resolveHttpOptions(options: HttpProxyOptions): ResolvedHttpOptions {
  const names: readonly string[] = OWN_NAMES;
  const relayEntries = Object.entries(options).filter(([name]) => !names.includes(name));
  // What is left of the options after taking out those of HTTP; unknown ones among them are refused here.
  const relay = Object.fromEntries(relayEntries) as unknown as ProxyOptions;
  checkProxyOptions("createHttpProxy", relay);
  const issues = httpOptionIssues(options);
  if (issues.length > 0) throw new ConfigError("createHttpProxy", issues);
  const { token, upstreamToken, publicOrigin, allowedHosts = [], allowedOrigins = [] } = options;
  return {
    ...placeOf(options),
    upstreamTransport: options.upstreamTransport ?? "auto",
    host: options.host ?? "127.0.0.1",
    port: options.port ?? 0,
    ...(token !== undefined && { token }),
    ...(upstreamToken !== undefined && { upstreamToken }),
    ...(publicOrigin !== undefined && { publicOrigin }),
    hosts: [...localhostAllowedHostnames(), ...allowedHosts],
    origins: [...localhostAllowedHostnames(), ...allowedOrigins],
    forwardAuthorization: options.forwardAuthorization ?? false,
    maxConcurrent: options.maxConcurrent ?? 1_000,
    maxSessions: options.maxSessions ?? (typeof options.upstream === "string" ? 1_000 : 20),
    maxFrameBytes: options.maxFrameBytes ?? 10 * 1024 * 1024,
    receiveMs: options.receiveMs ?? 60_000,
    resumeMs: options.resumeMs ?? 60_000,
    graceMs: options.graceMs ?? 5_000,
    relay,
  };
}

const HALF_AN_HOUR_MS = 1_800_000;

function placeOf({
  upstream,
  idleMs = HALF_AN_HOUR_MS,
}: HttpProxyOptions): Pick<ResolvedHttpOptions, "url" | "command" | "path" | "idleMs"> {
  if (typeof upstream !== "string") return { command: upstream, path: "/mcp", idleMs };
  const url = new URL(upstream);
  return { url, path: url.pathname };
}
