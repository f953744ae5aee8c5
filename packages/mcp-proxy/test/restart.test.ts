import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";

import { afterEach, beforeEach, expect, test } from "vitest";

import { connected, throughProxy } from "./stdio-client.ts";

// A server of few words: it tells its process, sleeps, or dies, and starts a child of its own.
const SERVER = `
import { spawn } from "node:child_process";
import { writeFileSync } from "node:fs";
import { createInterface } from "node:readline";
const child = spawn(process.execPath, ["-e", "setInterval(() => {}, 1000)"], { stdio: "ignore" });
writeFileSync(process.argv[2], JSON.stringify({ server: process.pid, child: child.pid }));
process.on("SIGTERM", () => {});
const answer = (id, result) => console.log(JSON.stringify({ jsonrpc: "2.0", id, result }));
createInterface({ input: process.stdin }).on("line", (line) => {
  const { id, method, params } = JSON.parse(line);
  if (method === "initialize") answer(id, { protocolVersion: params.protocolVersion, capabilities: { tools: {} }, serverInfo: { name: "s", version: "1" } });
  if (method === "tools/list") answer(id, { tools: [{ name: "who", inputSchema: { type: "object" } }] });
  if (method === "tools/call" && params.name === "who") answer(id, { content: [{ type: "text", text: String(process.pid) }] });
  if (method === "tools/call" && params.name === "die") process.kill(process.pid, "SIGKILL");
});
`;

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(path.join(tmpdir(), "agentplane-mcp-"));
  writeFileSync(path.join(folder, "server.mjs"), SERVER);
  writeFileSync(path.join(folder, "policies.yaml"), "apiVersion: agentplane/v1\npolicies: []\n");
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

const pids = (): { server: number; child: number } =>
  JSON.parse(readFileSync(path.join(folder, "pids"), "utf8"));

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    // No such process: that is the answer.
    return false;
  }
}

test("a server that is killed fails its running calls, is started again, and goes on; nothing of it outlives the client", async () => {
  const command = throughProxy(
    ["--policy", path.join(folder, "policies.yaml")],
    [process.execPath, path.join(folder, "server.mjs"), path.join(folder, "pids")],
  );
  const { client } = await connected(command);
  const who = async (): Promise<string> =>
    JSON.stringify(await client.callTool({ name: "who", arguments: {} }));
  const first = await who();
  const old = pids();
  await expect(client.callTool({ name: "die", arguments: {} })).rejects.toThrow(/server ended/);
  await expect.poll(() => who().catch(() => first), { timeout: 15_000 }).not.toBe(first);
  const now = pids();
  expect(now.server).not.toBe(old.server);
  await client.close();
  await expect
    .poll(() => [old.child, now.server, now.child].filter(isAlive), { timeout: 10_000 })
    .toStrictEqual([]);
});

test("told to end, the proxy does not wait for a client that is still there", async () => {
  const [program = "", ...args] = throughProxy(
    ["--policy", path.join(folder, "policies.yaml")],
    [process.execPath, path.join(folder, "server.mjs"), path.join(folder, "pids")],
  );
  const proxy = spawn(program, args, { stdio: ["pipe", "pipe", "ignore"] });
  const ended = once(proxy, "close");
  const message = { jsonrpc: "2.0", id: 1, method: "initialize", params: { protocolVersion: "2025-11-25" } };
  proxy.stdin.write(`${JSON.stringify(message)}\n`);
  await once(proxy.stdout, "data");
  proxy.kill("SIGTERM");
  expect(await ended).toStrictEqual([0, null]);
});
