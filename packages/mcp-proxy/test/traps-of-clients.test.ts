import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";

import { createMCPClient } from "@ai-sdk/mcp";
import { Experimental_StdioMCPTransport as StdioMCPTransport } from "@ai-sdk/mcp/mcp-stdio";
import { rule, type Policy } from "@agentplane/core";
import { MultiServerMCPClient } from "@langchain/mcp-adapters";
import { expect, onTestFinished, test, vi } from "vitest";

import { connected, throughProxy } from "./stdio-client.ts";
import { callOf, request, wiredRelay } from "./wired-relay.ts";

// A tool with an output schema, one that answers with as much as it is sent, and one that ends the server.
const SERVER = `
import { createInterface } from "node:readline";
const say = (message) => console.log(JSON.stringify({ jsonrpc: "2.0", ...message }));
const object = { type: "object" };
createInterface({ input: process.stdin }).on("line", (line) => {
  const { id, method, params } = JSON.parse(line);
  const answer = (result) => say({ id, result });
  if (method === "initialize") answer({ protocolVersion: params.protocolVersion, capabilities: { tools: { listChanged: true } }, serverInfo: { name: "s", version: "1" } });
  if (method === "notifications/initialized") say({ method: "notifications/tools/list_changed" });
  if (method === "tools/list") answer({ tools: ["weigh", "echo", "die"].map((name) => ({ name, inputSchema: object, ...(name === "weigh" && { outputSchema: { ...object, properties: { kg: { type: "number" } }, required: ["kg"] } }) })) });
  if (method !== "tools/call") return;
  if (params.name === "die") throw new Error("a crash of the server");
  answer({ content: [{ type: "text", text: String(params.arguments?.words ?? "") }], structuredContent: { kg: 1 } });
});
`;
const POLICIES = `apiVersion: agentplane/v1
policies:
  - id: p
    blocking:
      - { rule: condition, where: { tool: weigh, input: { much: { eq: true } } } }
`;

function command(): readonly [string, ...string[]] {
  const folder = mkdtempSync(path.join(tmpdir(), "agentplane-mcp-"));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  writeFileSync(path.join(folder, "server.mjs"), SERVER);
  writeFileSync(path.join(folder, "policies.yaml"), POLICIES);
  const flags = ["--policy", path.join(folder, "policies.yaml")];
  const [program = "", ...args] = throughProxy(flags, [process.execPath, path.join(folder, "server.mjs")]);
  return [program, ...args];
}

test("a refused call of a tool with an output schema is an error that the AI SDK gives to the model", async () => {
  const [program, ...args] = command();
  const client = await createMCPClient({ transport: new StdioMCPTransport({ command: program, args }) });
  onTestFinished(() => client.close());
  const tools: Record<string, { execute: (input: unknown, options: never) => unknown }> =
    await client.tools();
  const options = { toolCallId: "c", messages: [] } as never;
  const refused = await tools["weigh"]?.execute({ much: true }, options);
  expect(refused).toMatchObject({ isError: true, content: [{ type: "text" }] });
  expect(await tools["weigh"]?.execute({ much: false }, options)).toMatchObject({
    structuredContent: { kg: 1 },
  });
});

test("a refused call of a tool with an output schema is a tool's error to LangChain, with its reason", async () => {
  const [program, ...args] = command();
  const client = new MultiServerMCPClient({
    mcpServers: { s: { transport: "stdio", command: program, args } },
  });
  onTestFinished(() => client.close());
  const weigh = (await client.getTools()).find(({ name }) => name === "weigh");
  await expect(weigh?.invoke({ much: true })).rejects.toThrow(/weigh.*returned an error: Blocked by policy/);
});

test("a client that lists anew inside its handler of a changed list gets it", async () => {
  const { client } = await connected(command());
  onTestFinished(() => client.close());
  const listed: number[] = [];
  client.setNotificationHandler("notifications/tools/list_changed", async () => {
    listed.push((await client.listTools()).tools.length);
  });
  await client.callTool({ name: "echo", arguments: { words: "x" } });
  await expect.poll(() => listed, { timeout: 10_000 }).toContain(3);
});

test("32 messages of 64 KiB at once arrive whole and in order, without a warning", async () => {
  const [program, ...args] = command();
  const proxy = spawn(program, args, { stdio: "pipe" });
  onTestFinished(() => void proxy.kill("SIGKILL"));
  let [said, warned] = ["", ""];
  proxy.stdout.setEncoding("utf8").on("data", (text: string) => (said += text));
  proxy.stderr.setEncoding("utf8").on("data", (text: string) => (warned += text));
  const lines = Array.from({ length: 32 }, (_, id) =>
    JSON.stringify(callOf(id, "echo", { words: `${id}:${"é".repeat(32_000)}` })),
  );
  proxy.stdin.write(`${lines.join("\n")}\n`);
  await expect.poll(() => said.split("\n").length, { timeout: 20_000 }).toBe(33);
  const answers = said
    .trim()
    .split("\n")
    .map((line) => JSON.parse(line) as Answer);
  expect(answers.map(({ id }) => id)).toStrictEqual(Array.from({ length: 32 }, (_, id) => id));
  for (const { id, result } of answers) expect(result.content[0]?.text).toBe(`${id}:${"é".repeat(32_000)}`);
  expect(warned).not.toContain("Warning");
});

interface Answer {
  readonly id: number;
  readonly result: { readonly content: readonly { readonly text: string }[] };
}

test("standard output carries messages alone, also when the server crashes and everything is logged", async () => {
  const [program, ...args] = command();
  const proxy = spawn(program, args, {
    stdio: "pipe",
    env: { ...process.env, DEBUG: "*", NODE_DEBUG: "http" },
  });
  onTestFinished(() => void proxy.kill("SIGKILL"));
  let [said, logged] = ["", ""];
  proxy.stdout.setEncoding("utf8").on("data", (text: string) => (said += text));
  proxy.stderr.setEncoding("utf8").on("data", (text: string) => (logged += text));
  proxy.stdin.write(`{\n${JSON.stringify(callOf(1, "die"))}\n`);
  await expect.poll(() => said, { timeout: 15_000 }).toContain('"id":1');
  await expect.poll(() => logged, { timeout: 15_000 }).toContain("the server ended");
  const ended = once(proxy, "close");
  proxy.stdin.end();
  await ended;
  for (const line of said.trim().split("\n")) expect(JSON.parse(line)).toMatchObject({ jsonrpc: "2.0" });
});

test("an approval that takes minutes does not time the client out: it hears of progress all the while", async () => {
  vi.useFakeTimers();
  onTestFinished(() => void vi.useRealTimers());
  const ask: Policy = {
    id: "ask",
    blocking: [rule.condition({ id: "c", where: { tool: "pay" }, then: "escalate" })],
    escalation: [{ trigger: "c", after: 1, within: "1h", action: { hitl: { timeout: "10m" } } }],
  };
  const wired = wiredRelay({ policies: [ask] });
  wired.client(request(1, "tools/call", { name: "pay", arguments: {}, _meta: { progressToken: "t" } }));
  await vi.advanceTimersByTimeAsync(120_000);
  const progress = wired.toClient.filter((text) => text.includes("notifications/progress"));
  expect(progress).toHaveLength(12);
  expect(progress[0]).toContain('"progressToken":"t"');
  expect(wired.toClient).toHaveLength(12);
});
