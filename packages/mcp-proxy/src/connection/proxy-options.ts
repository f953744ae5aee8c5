import { checkIdentity, ConfigError, type AgentPlane } from "@agentplane/core";

import type { CallTracer } from "./call-tracer.ts";

/** Who acts through the proxy. */
export interface ProxyIdentity {
  /** The agent's id, as selectors, limits and plugs name it. */
  readonly agent: string;
  readonly tenant?: string;
  readonly user?: string;
  /** Default: one of its own for each connection. */
  readonly session?: string;
  readonly tags?: Readonly<Record<string, string>>;
}

/** What of a plane the proxy needs; `createAgentPlane` returns it. */
export type ProxyPlane = Pick<AgentPlane, "guard" | "approvals" | "controls" | "on">;

/** How a connection is governed. */
export interface ProxyOptions {
  readonly plane: ProxyPlane;
  readonly identity: ProxyIdentity;
  /** The server's name in policies: its tools are `name`, and `server/name`. */
  readonly server: string;
  /**
   * How a refused tool call is told: `result`, an `isError` result that the model can read; `error`, an error of the
   * protocol. A tool that is hidden always gets the server's own words for one that does not exist. Default `result`.
   */
  readonly denyAs?: "result" | "error";
  /** How long a call waits for a human before the client is told to ask again, in ms. Default 300,000. */
  readonly approvalWaitMs?: number;
  /** Whether the client's user may answer, where the client can ask. Otherwise an operator answers. Default true. */
  readonly canClientApprove?: boolean;
  /** A message above this length is refused, in bytes. Default 10 MiB. */
  readonly maxFrameBytes?: number;
  /** Makes a span of each request: `otelTracer`. Default: nothing is traced, and records name the trace that a client names. */
  readonly tracer?: CallTracer;
  /** Hears what goes wrong beside the protocol. Default: nobody. */
  readonly log?: (line: string) => void;
}

const NAMES: readonly string[] = [
  "plane",
  "identity",
  "server",
  "denyAs",
  "approvalWaitMs",
  "canClientApprove",
  "maxFrameBytes",
  "tracer",
  "log",
];

/**
 * Refuses options that would do nothing.
 * @param source The function they were given to.
 * @throws ConfigError naming every issue
 */
export function checkProxyOptions(source: string, options: ProxyOptions): void {
  const issues = Object.keys(options)
    .filter((name) => !NAMES.includes(name))
    .map((name) => ({ path: name, message: "unknown option", suggestion: `use one of ${NAMES.join(", ")}` }));
  const { server, denyAs = "result", approvalWaitMs = 0, maxFrameBytes = 1 } = options;
  if (server === "" || server.includes("/")) {
    issues.push({ path: "server", message: "is no name", suggestion: "use a name without a slash" });
  }
  if (!["result", "error"].includes(denyAs)) {
    issues.push({ path: "denyAs", message: "is not a choice", suggestion: 'use "result" or "error"' });
  }
  if (options.tracer !== undefined && typeof options.tracer.start !== "function") {
    issues.push({ path: "tracer", message: "is none", suggestion: "use otelTracer(api)" });
  }
  for (const [path, value] of Object.entries({ approvalWaitMs, maxFrameBytes })) {
    if (value >= 0) continue;
    issues.push({ path, message: "is no number from 0", suggestion: "use a number" });
  }
  if (issues.length > 0) throw new ConfigError(source, issues);
  checkIdentity(source, options.identity);
}
