import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { tmpdir } from "node:os";
import path from "node:path";

import { expect, onTestFinished, test } from "vitest";

import { PROXY } from "../node-command.ts";
import { callOf, INITIALIZE, post } from "./proxied.ts";

// A server that has started a process of its own, notes both, and never answers a call. It ends with its input, as the
// protocol asks, unless it is a stubborn one, which SIGTERM does not end either; its own process never cares.
const SERVER = `
import { spawn } from "node:child_process";
import { appendFileSync } from "node:fs";
import { createInterface } from "node:readline";
const child = spawn(process.execPath, ["-e", "setInterval(() => {}, 1000)"], { stdio: "ignore" });
child.unref();
appendFileSync(process.argv[2], JSON.stringify({ server: process.pid, child: child.pid }) + "\\n");
createInterface({ input: process.stdin }).on("line", (line) => {
  const { id, method, params } = JSON.parse(line);
  if (method === "tools/call") appendFileSync(process.argv[2], "called\\n");
  if (method !== "initialize") return;
  const result = { protocolVersion: params.protocolVersion, capabilities: { tools: {} }, serverInfo: { name: "s", version: "1" } };
  console.log(JSON.stringify({ jsonrpc: "2.0", id, result }));
}).on("close", () => process.argv[3] === "stubborn" || process.exit());
if (process.argv[3] === "stubborn") {
  process.on("SIGTERM", () => {});
  setInterval(() => {}, 1000);
}
`;

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    // No such process: that is the answer.
    return false;
  }
}

/** `serve -- COMMAND`, with a session. */
async function serving(manner = "polite") {
  const folder = mkdtempSync(path.join(tmpdir(), "agentplane-mcp-"));
  const [policy, server, notes] = ["policies.yaml", "server.mjs", "notes"].map((name) =>
    path.join(folder, name),
  );
  writeFileSync(String(policy), "apiVersion: agentplane/v1\npolicies: []\n");
  writeFileSync(String(server), SERVER);
  const [program, ...command] = PROXY;
  const proxy = spawn(program, [
    ...command,
    "serve",
    "--policy",
    String(policy),
    "--port",
    "0",
    "--",
    process.execPath,
    String(server),
    String(notes),
    manner,
  ]);
  const ended = once(proxy, "close");
  let said = "";
  proxy.stderr.on("data", (bytes: Buffer) => (said += bytes.toString()));
  const lines = (): readonly string[] => readFileSync(String(notes), "utf8").trim().split("\n");
  const started = (): readonly { server: number; child: number }[] =>
    lines()
      .filter((line) => line !== "called")
      .map((line) => JSON.parse(line) as { server: number; child: number });
  onTestFinished(async () => {
    proxy.kill("SIGKILL");
    // Whatever a test finds left must not outlive it; the pipes of the proxy close with the last that has them.
    for (const pid of started().flatMap((one) => [one.server, one.child]))
      if (isAlive(pid)) process.kill(pid, "SIGKILL");
    await ended;
    rmSync(folder, { recursive: true, force: true });
  });
  await expect.poll(() => said, { timeout: 30_000 }).toMatch(/listening at http\S+/);
  const url = /listening at (\S+)/.exec(said)?.[1] ?? "";
  const begin = async (): Promise<Record<string, string>> => {
    const answer = await post(url, INITIALIZE);
    await answer.text();
    return { "mcp-session-id": answer.headers.get("mcp-session-id") ?? "" };
  };
  const session = await begin();
  /** A call that is at the server. */
  const called = async (): Promise<{ readonly answer: Promise<Response> }> => {
    const answer = post(url, callOf(1, "slow"), session);
    await expect.poll(() => lines().includes("called"), { timeout: 10_000 }).toBe(true);
    return { answer };
  };
  return { proxy, ended, url, begin, session, called, started };
}

test("a started server that is killed fails its call, takes its processes with it, and the client begins anew", async () => {
  const { url, begin, session, called, started } = await serving();
  const call = await called();
  const [first = { server: 0, child: 0 }] = started();
  process.kill(first.server, "SIGKILL");
  const answer = await call.answer;
  expect(answer.status).toBe(502);
  expect(await answer.text()).toContain("the server ended (SIGKILL)");
  await expect.poll(() => isAlive(first.child), { timeout: 10_000 }).toBe(false);
  expect((await post(url, callOf(2, "slow"), session)).status).toBe(404);
  expect(await begin()).not.toStrictEqual(session);
  expect(started().map(({ server }) => isAlive(server))).toStrictEqual([false, true]);
});

test.each(["polite", "stubborn"])("a proxy that is killed leaves no %s server behind", async (manner) => {
  const { proxy, ended, called, started } = await serving(manner);
  const { answer } = await called();
  const failed = answer.catch(() => "cut");
  proxy.kill("SIGKILL");
  await ended;
  expect(await failed).toBe("cut");
  // Nor what that has started.
  const alive = (): boolean[] => started().flatMap(({ server, child }) => [isAlive(server), isAlive(child)]);
  await expect.poll(alive, { timeout: 20_000 }).toStrictEqual([false, false]);
});

test("told to end, it ends what its servers have started too", async () => {
  const { proxy, ended, started } = await serving();
  proxy.kill("SIGTERM");
  const [code] = (await ended) as [number];
  expect(code).toBe(0);
  // A process that was killed is there until it is reaped.
  const alive = (): boolean[] => started().flatMap(({ server, child }) => [isAlive(server), isAlive(child)]);
  await expect.poll(alive, { timeout: 10_000 }).toStrictEqual([false, false]);
});
