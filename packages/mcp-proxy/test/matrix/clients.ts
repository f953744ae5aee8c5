import { execFile } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";

import { createMCPClient } from "@ai-sdk/mcp";
import { Experimental_StdioMCPTransport as StdioMCPTransport } from "@ai-sdk/mcp/mcp-stdio";
import { MultiServerMCPClient } from "@langchain/mcp-adapters";
import { MCPClient } from "@mastra/mcp";
import { MCPServerStdio, MCPServerStreamableHttp } from "@openai/agents";
import { createRuntime } from "mcporter";

import type { ClientName } from "./cells.ts";
import type { Call } from "./servers.ts";

/** A program and its arguments. */
export type Command = readonly [program: string, ...args: readonly string[]];
/** Where a server is: behind a command, or an address. */
export type Place = { readonly command: Command } | { readonly url: string };

/** What a client shows of a server: its tools as the client knows them, and the answers to some calls. */
export interface Seen {
  readonly tools: readonly unknown[];
  readonly answers: readonly unknown[];
}

type Look = (command: Command, calls: readonly Call[]) => Promise<Seen>;

/** Looks at a server with a client. */
export function lookWith(client: ClientName, place: Place, calls: readonly Call[]): Promise<Seen> {
  if ("command" in place) return LOOKS[client](place.command, calls);
  if (client !== "openai-agents") throw new TypeError(`${client} is tried over standard streams alone`);
  return openaiOver(new MCPServerStreamableHttp({ url: place.url, ...PATIENT }), calls);
}

/** On a busy machine a server takes longer to start than this client waits by itself. */
const PATIENT = { name: "s", clientSessionTimeoutSeconds: 60, timeout: 60_000 };

const LOOKS: Readonly<Record<ClientName, Look>> = {
  "ai-sdk": aiSdk,
  langchain,
  mastra,
  "openai-agents": ([command, ...args], calls) =>
    openaiOver(new MCPServerStdio({ command, args, ...PATIENT }), calls),
  mcporter,
  inspector,
};

async function aiSdk([command, ...args]: Command, calls: readonly Call[]): Promise<Seen> {
  const client = await createMCPClient({ transport: new StdioMCPTransport({ command, args }) });
  try {
    const { tools } = await client.listTools();
    const callable: Readonly<Record<string, { execute: (input: unknown, options: never) => unknown }>> =
      await client.tools();
    const options = { toolCallId: "c", messages: [] } as never;
    return {
      tools,
      answers: await inOrder(calls, ({ name, input }) => callable[name]?.execute(input, options)),
    };
  } finally {
    await client.close();
  }
}

async function langchain([command, ...args]: Command, calls: readonly Call[]): Promise<Seen> {
  const client = new MultiServerMCPClient({
    mcpServers: { s: { transport: "stdio", command, args } },
    useStandardContentBlocks: true,
  });
  try {
    const tools = await client.getTools();
    return {
      tools: tools.map(({ name, description, schema }) => ({ name, description, schema })),
      answers: await inOrder(calls, ({ name, input }) =>
        tools.find((tool) => tool.name === name)?.invoke(input as never),
      ),
    };
  } finally {
    await client.close();
  }
}

async function mastra([command, ...args]: Command, calls: readonly Call[]): Promise<Seen> {
  const client = new MCPClient({ id: crypto.randomUUID(), servers: { s: { command, args: [...args] } } });
  try {
    const tools: Readonly<Record<string, { id: string; description: string; execute?: Execute }>> =
      (await client.listTools()) as never;
    return {
      tools: Object.values(tools).map(({ id, description }) => ({ id, description })),
      answers: await inOrder(calls, ({ name, input }) => tools[`s_${name}`]?.execute?.(input, {} as never)),
    };
  } finally {
    await client.disconnect();
  }
}

type Execute = (input: unknown, context: never) => unknown;

async function openaiOver(
  server: MCPServerStdio | MCPServerStreamableHttp,
  calls: readonly Call[],
): Promise<Seen> {
  await server.connect();
  try {
    return {
      tools: await server.listTools(),
      answers: await inOrder(calls, ({ name, input }) => server.callTool(name, input)),
    };
  } finally {
    await server.close();
  }
}

async function mcporter([command, ...args]: Command, calls: readonly Call[]): Promise<Seen> {
  const runtime = await createRuntime({
    servers: [{ name: "s", command: { kind: "stdio", command, args: [...args], cwd: process.cwd() } }],
  });
  try {
    return {
      tools: await runtime.listTools("s", { includeSchema: true }),
      answers: await inOrder(calls, ({ name, input }) => runtime.callTool("s", name, { args: input })),
    };
  } finally {
    await runtime.close();
  }
}

const INSPECTOR = path.join(
  path.dirname(fileURLToPath(import.meta.resolve("@modelcontextprotocol/inspector/package.json"))),
  "clients/launcher/build/index.js",
);

async function inspector([command, ...args]: Command, calls: readonly Call[]): Promise<Seen> {
  // Its own command line would take what belongs to the server's.
  const folder = mkdtempSync(path.join(tmpdir(), "agentplane-inspector-"));
  const config = path.join(folder, "config.json");
  writeFileSync(config, JSON.stringify({ mcpServers: { s: { command, args } } }));
  try {
    return await inspectorWith(["--config", config, "--server", "s"], calls);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

async function inspectorWith(place: readonly string[], calls: readonly Call[]): Promise<Seen> {
  const run = async (...args: readonly string[]): Promise<unknown> => {
    const all = [INSPECTOR, "--cli", ...place, ...args];
    const { stdout } = await promisify(execFile)(process.execPath, all, {
      timeout: 60_000,
      maxBuffer: 1 << 24,
    });
    return JSON.parse(stdout) as unknown;
  };
  const tools = await run("--method", "tools/list");
  const answers = await inOrder(calls, ({ name, input }) => {
    const given = Object.entries(input).flatMap(([key, value]) => [
      "--tool-arg",
      `${key}=${typeof value === "string" ? value : JSON.stringify(value)}`,
    ]);
    return run("--method", "tools/call", "--tool-name", name, ...given);
  });
  return { tools: [tools], answers };
}

async function inOrder(calls: readonly Call[], act: (call: Call) => unknown): Promise<readonly unknown[]> {
  const answers: unknown[] = [];
  // oxlint-disable-next-line no-await-in-loop -- some follow from others
  for (const call of calls) answers.push(await act(call));
  return answers;
}
