import path from "node:path";

import { runStdioProxy, type StdioProxyOptions } from "../stdio-proxy.ts";
import { commandOf, transportOf } from "./upstream.ts";
import { UsageError, variable, type Values } from "./usage.ts";
import { withPlane } from "./with-plane.ts";

/**
 * `agentplane-mcp run`: a server of one client, over standard input and output; the server itself is started, or listens.
 * @throws UsageError for options that do not say enough, or too much
 */
export async function run(values: Values, command: readonly string[]): Promise<void> {
  const { upstream, serverName } = serverOf(values, command);
  await withPlane(values, serverName, (options, signal) => runStdioProxy({ ...options, upstream, signal }));
}

function serverOf(
  values: Values,
  command: readonly string[],
): Pick<StdioProxyOptions, "upstream"> & { readonly serverName: string } {
  const { upstream: url, "upstream-token-env": tokenName } = values;
  if (url === undefined) {
    const upstream = commandOf(values, command);
    return { upstream, serverName: path.parse(upstream.command).name };
  }
  if (command.length > 0)
    throw new UsageError("a server is started, or it listens: --upstream, or what is after --");
  if (values.env !== undefined) throw new UsageError("--env is for a server that is started");
  if (!URL.canParse(url)) throw new UsageError("--upstream is an URL");
  const token = tokenName === undefined ? undefined : variable("upstream-token-env", tokenName);
  const upstream = { url, transport: transportOf(values), ...(token !== undefined && { token }) };
  return { upstream, serverName: new URL(url).hostname };
}
