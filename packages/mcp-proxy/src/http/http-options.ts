import { ConfigError } from "@agentplane/core";
import { localhostAllowedHostnames } from "@modelcontextprotocol/server";

import { checkProxyOptions, type ProxyOptions } from "../proxy-options.ts";

/** A proxy in front of a server that speaks streamable HTTP. */
export interface HttpProxyOptions extends ProxyOptions {
  /** Where the server is: `http:` or `https:`, without credentials. Its path is the proxy's path. */
  readonly upstream: string;
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
  /** Sessions that are kept; above, the one that has been idle for longest ends. Default 1,000. */
  readonly maxSessions?: number;
  /** How long the answers of a stream that was cut wait for the client to come back, in ms. Default 60,000. */
  readonly resumeMs?: number;
  /** How long `close` waits for answers that are on their way, in ms. Default 5,000. */
  readonly graceMs?: number;
}

const OWN_NAMES = [
  "upstream",
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
  "resumeMs",
  "graceMs",
] as const;

/** The options with everything that was left out. */
export interface ResolvedHttpOptions {
  readonly url: URL;
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
  readonly resumeMs: number;
  readonly graceMs: number;
  /** What of the options concerns each connection. */
  readonly relay: ProxyOptions;
}

const LOOPBACK = new Set(["127.0.0.1", "::1", "localhost"]);

/**
 * Fills in what was left out and refuses what would be unsafe or do nothing.
 * @throws ConfigError naming every issue
 */
export function resolveHttpOptions(options: HttpProxyOptions): ResolvedHttpOptions {
  const names: readonly string[] = OWN_NAMES;
  const relayEntries = Object.entries(options).filter(([name]) => !names.includes(name));
  // What is left of the options after taking out those of HTTP; unknown ones among them are refused here.
  const relay = Object.fromEntries(relayEntries) as unknown as ProxyOptions;
  checkProxyOptions(relay);
  const issues = issuesOf(options);
  if (issues.length > 0) throw new ConfigError("createHttpProxy", issues);
  const { token, upstreamToken, publicOrigin, allowedHosts = [], allowedOrigins = [] } = options;
  return {
    url: new URL(options.upstream),
    host: options.host ?? "127.0.0.1",
    port: options.port ?? 0,
    ...(token !== undefined && { token }),
    ...(upstreamToken !== undefined && { upstreamToken }),
    ...(publicOrigin !== undefined && { publicOrigin }),
    hosts: [...localhostAllowedHostnames(), ...allowedHosts],
    origins: [...localhostAllowedHostnames(), ...allowedOrigins],
    forwardAuthorization: options.forwardAuthorization ?? false,
    maxConcurrent: options.maxConcurrent ?? 1_000,
    maxSessions: options.maxSessions ?? 1_000,
    maxFrameBytes: options.maxFrameBytes ?? 10 * 1024 * 1024,
    resumeMs: options.resumeMs ?? 60_000,
    graceMs: options.graceMs ?? 5_000,
    relay,
  };
}

interface Issue {
  readonly path: string;
  readonly message: string;
  readonly suggestion: string;
}

function issuesOf(options: HttpProxyOptions): readonly Issue[] {
  const { host = "127.0.0.1", token, allowedHosts, forwardAuthorization, upstreamToken } = options;
  const issues: Issue[] = [];
  const add = (path: string, message: string, suggestion: string): void =>
    void issues.push({ path, message, suggestion });
  const url = URL.canParse(options.upstream) ? new URL(options.upstream) : undefined;
  if (url === undefined || !["http:", "https:"].includes(url.protocol) || url.username || url.password)
    add(
      "upstream",
      "is no address of a server",
      "use http:// or https://, and upstreamToken for credentials",
    );
  if (token === "" || upstreamToken === "") add("token", "is empty", "leave it out, or name one");
  if (!LOOPBACK.has(host) && token === undefined)
    add("token", "is missing", `with host "${host}" others can reach the proxy: set a token`);
  if (!LOOPBACK.has(host) && allowedHosts === undefined)
    add("allowedHosts", "is missing", "name the hosts that clients ask for");
  if (forwardAuthorization === true && (token !== undefined || upstreamToken !== undefined))
    add("forwardAuthorization", "would pass the proxy's own token on, or lose it", "use one or the other");
  const { publicOrigin } = options;
  if (publicOrigin !== undefined && !isOrigin(publicOrigin))
    add("publicOrigin", "is no origin", "use scheme, host and port alone: https://mcp.example.com");
  if (publicOrigin !== undefined && forwardAuthorization !== true)
    add("publicOrigin", "does nothing without forwardAuthorization", "leave it out");
  for (const name of ["maxConcurrent", "maxSessions", "resumeMs", "graceMs", "port"] as const) {
    const value = options[name] ?? 1;
    if (!Number.isInteger(value) || value < 0) add(name, "is no whole number from 0", "use one");
  }
  return issues;
}

function isOrigin(text: string): boolean {
  return /^https?:/.test(text) && URL.canParse(text) && new URL(text).origin === text;
}
