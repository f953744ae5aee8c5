import { fileURLToPath } from "node:url";

import { Client, type ClientOptions } from "@modelcontextprotocol/client";
import { StdioClientTransport } from "@modelcontextprotocol/client/stdio";

import { PROXY } from "./node-command.ts";

/** The entry of a server that a package brings. */
export function serverEntry(name: string): string {
  return fileURLToPath(import.meta.resolve(name));
}

/** A client, connected to what a command runs. */
export async function connected(
  command: readonly string[],
  options: ClientOptions = {},
): Promise<{ readonly client: Client; readonly transport: StdioClientTransport }> {
  const [program = "", ...args] = command;
  const transport = new StdioClientTransport({ command: program, args, stderr: "pipe" });
  const client = new Client({ name: "test", version: "1.0.0" }, options);
  await client.connect(transport);
  return { client, transport };
}

/** The command that puts the proxy before a server. */
export function throughProxy(flags: readonly string[], server: readonly string[]): readonly string[] {
  return [...PROXY, "run", ...flags, "--", ...server];
}
