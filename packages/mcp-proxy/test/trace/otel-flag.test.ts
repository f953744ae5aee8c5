import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";

import { Client } from "@modelcontextprotocol/client";
import { getDefaultEnvironment, StdioClientTransport } from "@modelcontextprotocol/client/stdio";
import { expect, onTestFinished, test } from "vitest";

import { throughProxy } from "../stdio-client.ts";
import { PARENT_ID, TRACE_ID, TRACEPARENT } from "./recorded.ts";

const REGISTER = fileURLToPath(new URL("register-otel.mjs", import.meta.url));
// A server that says in which context it was called.
const SERVER = `
import { createInterface } from "node:readline";
createInterface({ input: process.stdin }).on("line", (line) => {
  const { id, method, params } = JSON.parse(line);
  const result = method === "initialize"
    ? { protocolVersion: params.protocolVersion, capabilities: { tools: {} }, serverInfo: { name: "s", version: "1" } }
    : { content: [{ type: "text", text: params?._meta?.traceparent ?? "none" }] };
  if (id !== undefined) console.log(JSON.stringify({ jsonrpc: "2.0", id, result }));
});`;

test("the command traces with what its process registers, and standard output carries the protocol alone", async () => {
  const folder = mkdtempSync(path.join(tmpdir(), "agentplane-mcp-"));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  const [file, server, spansFile] = ["policies.yaml", "server.mjs", "spans"].map((name) =>
    path.join(folder, name),
  );
  writeFileSync(String(file), "apiVersion: agentplane/v1\npolicies: []\n");
  writeFileSync(String(server), SERVER);
  const [command = "", ...args] = throughProxy(
    ["--policy", String(file), "--otel"],
    [process.execPath, String(server)],
  );
  const env = {
    ...getDefaultEnvironment(),
    SPANS_FILE: String(spansFile),
    NODE_OPTIONS: `--import ${pathToFileURL(REGISTER).href}`,
  };
  const transport = new StdioClientTransport({ command, args, env, stderr: "ignore" });
  const client = new Client({ name: "test", version: "1.0.0" });
  await client.connect(transport);
  const said = await client.callTool({ name: "who", arguments: {}, _meta: { traceparent: TRACEPARENT } });
  await client.close();
  const spans = readFileSync(String(spansFile), "utf8")
    .trim()
    .split("\n")
    .map((line) => JSON.parse(line) as unknown);
  expect(spans).toMatchObject([
    { name: "initialize" },
    { name: "tools/call who", traceId: TRACE_ID, parentId: PARENT_ID },
  ]);
  const { spanId } = spans.at(-1) as { spanId: string };
  expect(said.content).toStrictEqual([{ type: "text", text: `00-${TRACE_ID}-${spanId}-01` }]);
});
