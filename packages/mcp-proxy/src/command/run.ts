import path from "node:path";

import { runStdioProxy } from "../stdio-proxy.ts";
import { UsageError, variable, type Values } from "./usage.ts";
import { withPlane } from "./with-plane.ts";

/**
 * `agentplane-mcp run`: a server of one client, over standard input and output.
 * @throws UsageError for options that do not say enough
 */
export async function run(values: Values, command: readonly string[]): Promise<void> {
  const [program, ...args] = command;
  if (program === undefined) throw new UsageError("name the server's command after --");
  const env = Object.fromEntries((values.env ?? []).map((name) => [name, variable("env", name)]));
  await withPlane(values, path.parse(program).name, (options, signal) =>
    runStdioProxy({ ...options, upstream: { command: program, args, env }, signal }),
  );
}
