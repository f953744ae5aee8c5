import { once } from "node:events";

import { createHttpProxy } from "../http/http-proxy.ts";
import { UsageError, variable, type Values } from "./usage.ts";
import { say, withPlane } from "./with-plane.ts";

const DEFAULT_PORT = 3_000;

/**
 * `agentplane-mcp serve`: listens until the process is told to stop.
 * @throws UsageError for options that do not say enough
 */
export async function serve(values: Values): Promise<void> {
  const { upstream, host } = values;
  if (upstream === undefined || !URL.canParse(upstream)) throw new UsageError("--upstream is an URL");
  const port = Number(values.port ?? DEFAULT_PORT);
  if (!Number.isInteger(port) || port < 0 || port > 65_535) throw new UsageError("--port is a number");
  const { "token-env": tokenName, "upstream-token-env": upstreamName } = values;
  const token = tokenName === undefined ? undefined : variable("token-env", tokenName);
  const upstreamToken = upstreamName === undefined ? undefined : variable("upstream-token-env", upstreamName);
  await withPlane(values, new URL(upstream).hostname, async (options, signal) => {
    const proxy = await createHttpProxy({
      ...options,
      upstream,
      port,
      ...(host !== undefined && { host }),
      ...(token !== undefined && { token }),
      ...(upstreamToken !== undefined && { upstreamToken }),
      ...(values["allow-host"] !== undefined && { allowedHosts: values["allow-host"] }),
      ...(values["allow-origin"] !== undefined && { allowedOrigins: values["allow-origin"] }),
      ...(values["public-origin"] !== undefined && { publicOrigin: values["public-origin"] }),
      forwardAuthorization: values["forward-authorization"] === true,
    });
    say(`listening at ${proxy.url}`);
    if (!signal.aborted) await once(signal, "abort");
    await proxy.close();
  });
}
