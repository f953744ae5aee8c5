import { TRANSPORTS, type HttpTransport } from "../upstream/server-address.ts";
import type { ServerCommand } from "../upstream/server-process.ts";
import { UsageError, variable, type Values } from "./usage.ts";

/**
 * The server that is started.
 * @param command What stands after `--`.
 * @throws UsageError where there is none, or with options for one that listens
 */
export function commandOf(values: Values, command: readonly string[]): ServerCommand {
  const [program, ...args] = command;
  if (program === undefined)
    throw new UsageError("name the server's command after --, or its address by --upstream");
  for (const name of ["upstream-token-env", "upstream-transport"] as const)
    if (values[name] !== undefined)
      throw new UsageError(`--${name} is for a server that listens: name its --upstream`);
  const env = Object.fromEntries((values.env ?? []).map((name) => [name, variable("env", name)]));
  return { command: program, args, env };
}

/** @throws UsageError for a transport that is none */
export function transportOf({ "upstream-transport": given = "auto" }: Values): HttpTransport {
  const transport = TRANSPORTS.find((one) => one === given);
  if (transport === undefined)
    throw new UsageError(`--upstream-transport is one of ${TRANSPORTS.join(", ")}`);
  return transport;
}
