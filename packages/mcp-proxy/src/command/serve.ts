import { once } from "node:events";
import path from "node:path";

import type { HttpProxyOptions } from "../serve/http-options.ts";
import { createHttpProxy } from "../serve/http-proxy.ts";
import { commandOf, transportOf } from "./upstream.ts";
import { UsageError, variable, type Values } from "./usage.ts";
import { say, withPlane } from "./with-plane.ts";

const DEFAULT_PORT = 3_000;

/**
 * `agentplane-mcp serve`: listens until the process is told to stop.
 * @throws UsageError for options that do not say enough
 */
export async function serve(values: Values, command: readonly string[]): Promise<void> {
  const { host } = values;
  const { upstream, serverName, ...ofUpstream } = upstreamOf(values, command);
  const port = Number(values.port ?? DEFAULT_PORT);
  if (!Number.isInteger(port) || port < 0 || port > 65_535) throw new UsageError("--port is a number");
  const { "token-env": tokenName } = values;
  const token = tokenName === undefined ? undefined : variable("token-env", tokenName);
  await withPlane(values, serverName, async (options, signal) => {
    const proxy = await createHttpProxy({
      ...options,
      upstream,
      port,
      ...(host !== undefined && { host }),
      ...(token !== undefined && { token }),
      ...ofUpstream,
      ...(values["allow-host"] !== undefined && { allowedHosts: values["allow-host"] }),
      ...(values["allow-origin"] !== undefined && { allowedOrigins: values["allow-origin"] }),
      ...(values["max-sessions"] !== undefined && { maxSessions: Number(values["max-sessions"]) }),
    });
    say(`listening at ${proxy.url}`);
    if (!signal.aborted) await once(signal, "abort");
    await proxy.close();
  });
}

/** What of the options concerns the server. */
function upstreamOf(
  values: Values,
  command: readonly string[],
): Pick<
  HttpProxyOptions,
  "upstream" | "upstreamToken" | "upstreamTransport" | "publicOrigin" | "forwardAuthorization" | "idleMs"
> & { readonly serverName: string } {
  const { upstream: url, "upstream-token-env": tokenName, idle } = values;
  if (url === undefined) {
    for (const name of ["forward-authorization", "public-origin"] as const)
      if (values[name] !== undefined) throw new UsageError(`--${name} is for a server that listens`);
    const upstream = commandOf(values, command);
    return {
      upstream,
      serverName: path.parse(upstream.command).name,
      ...(idle !== undefined && { idleMs: Number(idle) }),
    };
  }
  if (command.length > 0)
    throw new UsageError("a server is started, or it listens: --upstream, or what is after --");
  for (const name of ["env", "idle"] as const)
    if (values[name] !== undefined) throw new UsageError(`--${name} is for a server that is started`);
  if (!URL.canParse(url)) throw new UsageError("--upstream is an URL");
  const upstreamToken = tokenName === undefined ? undefined : variable("upstream-token-env", tokenName);
  return {
    upstream: url,
    serverName: new URL(url).hostname,
    upstreamTransport: transportOf(values),
    ...(upstreamToken !== undefined && { upstreamToken }),
    ...(values["public-origin"] !== undefined && { publicOrigin: values["public-origin"] }),
    forwardAuthorization: values["forward-authorization"] === true,
  };
}
