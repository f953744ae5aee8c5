import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { connect } from "node:net";
import { networkInterfaces, tmpdir } from "node:os";
import path from "node:path";

import { expect, onTestFinished, test } from "vitest";

import { PROXY } from "../node-command.ts";
import { everythingServer } from "./everything-server.ts";
import { callOf, clientOf, INITIALIZE, post } from "./proxied.ts";

/** Runs the command with a policy file that forbids one tool; it ends with the test. */
function command(flags: readonly string[], env: Record<string, string> = {}) {
  const folder = mkdtempSync(path.join(tmpdir(), "agentplane-mcp-"));
  const policy = path.join(folder, "policies.yaml");
  writeFileSync(
    policy,
    "apiVersion: agentplane/v1\npolicies:\n  - id: p\n    blocking:\n      - { rule: denylist, tools: [wipe] }\n",
  );
  const [program, ...args] = PROXY;
  const serve = ["serve", "--policy", policy, "--port", "0", ...flags];
  const child = spawn(program, [...args, ...serve], { env: { ...process.env, ...env } });
  const said = { stdout: "", stderr: "" };
  child.stdout.on("data", (bytes: Buffer) => (said.stdout += bytes.toString()));
  child.stderr.on("data", (bytes: Buffer) => (said.stderr += bytes.toString()));
  const ended = once(child, "close").then(([code]) => Number(code));
  onTestFinished(async () => {
    child.kill("SIGKILL");
    await ended;
    rmSync(folder, { recursive: true, force: true });
  });
  const url = async (): Promise<string> => {
    await expect.poll(() => said.stderr, { timeout: 15_000 }).toMatch(/listening at http\S+/);
    return /listening at (\S+)/.exec(said.stderr)?.[1] ?? "";
  };
  return { child, said, ended, url };
}

test("serve governs a server over HTTP, says nothing on standard output, and ends when it is told to", async () => {
  const server = await everythingServer();
  onTestFinished(() => server.close());
  const { child, said, ended, url } = command(["--upstream", server.url, "--token-env", "MY_TOKEN"], {
    MY_TOKEN: "s3cret",
  });
  const at = await url();
  expect((await post(at, INITIALIZE)).status).toBe(401);
  const authorization = "Bearer s3cret";
  const begin = await post(at, INITIALIZE, { authorization });
  const session = { authorization, "mcp-session-id": begin.headers.get("mcp-session-id") ?? "" };
  await begin.text();
  const answer = await (await post(at, callOf(1, "echo", { words: "hello" }), session)).text();
  expect(answer).toContain("hello");
  const denied = await (await post(at, callOf(2, "wipe"), session)).text();
  expect(denied).toMatch(/wipe/);
  expect(server.ran).toStrictEqual(["echo"]);
  child.kill("SIGTERM");
  expect(await ended).toBe(0);
  expect(said.stdout).toBe("");
});

test("a client that is connected when the proxy ends learns it, and the proxy does not hang", async () => {
  const server = await everythingServer();
  onTestFinished(() => server.close());
  const { child, ended, url } = command(["--upstream", server.url]);
  const client = await clientOf(await url(), "legacy");
  await client.listTools();
  child.kill("SIGTERM");
  expect(await ended).toBe(0);
});

/** The addresses of this machine but 127.0.0.1; not every system has the first one. */
const OTHERS = Object.values(networkInterfaces())
  .flatMap((all) => all ?? [])
  .flatMap(({ address, family, internal }) => (family === "IPv4" && !internal ? [address] : []))
  .concat("127.0.0.2");

/** Of these, those at which somebody listens at a port. */
async function listening(port: number): Promise<readonly string[]> {
  const isOpen = (host: string): Promise<boolean> =>
    new Promise((resolve) => {
      const socket = connect({ host, port, timeout: 2_000 }, () => end(true));
      const end = (is: boolean): void => {
        socket.destroy();
        resolve(is);
      };
      socket.on("error", () => end(false)).on("timeout", () => end(false));
    });
  const open: string[] = [];
  for (const host of OTHERS)
    // oxlint-disable-next-line no-await-in-loop -- a few of them
    if (await isOpen(host)) open.push(host);
  return open;
}

test("serve listens at 127.0.0.1 alone; anywhere else only where --host says so, and to nobody without the token", async () => {
  const own = new URL(await command(["--upstream", "http://127.0.0.1:1/mcp"]).url());
  expect([own.hostname, await listening(Number(own.port))]).toStrictEqual(["127.0.0.1", []]);
  const open = [
    "--host",
    "0.0.0.0",
    "--token-env",
    "MY_TOKEN",
    ...OTHERS.flatMap((one) => ["--allow-host", one]),
  ];
  const { url } = command(["--upstream", "http://127.0.0.1:1/mcp", ...open], { MY_TOKEN: "s3cret" });
  const at = new URL(await url());
  const [other] = await listening(Number(at.port));
  expect([at.hostname, OTHERS]).toStrictEqual(["0.0.0.0", expect.arrayContaining([other])]);
  at.hostname = other ?? "";
  expect((await post(at.href, INITIALIZE)).status).toBe(401);
});

test.each([
  [["--upstream", "nowhere"], "--upstream is an URL", 2],
  [["--upstream", "http://127.0.0.1:1/", "--token-env", "NOT_SET"], "NOT_SET", 2],
  [["--upstream", "http://127.0.0.1:1/", "--env", "HOME"], "--env is for a server that is started", 2],
  [["--upstream", "http://127.0.0.1:1/", "--host", "0.0.0.0"], "set a token", 1],
  [["--upstream", "http://127.0.0.1:1/", "--host", ""], "set a token", 1],
])("serve %j does not start", async (flags, words, code) => {
  const { said, ended } = command(flags);
  expect(await ended).toBe(code);
  expect(said.stderr).toContain(words);
});
