import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";

import { afterEach, beforeEach, expect, onTestFinished, test } from "vitest";

import { everythingServer } from "../http/everything-server.ts";
import { connected, throughProxy } from "../stdio-client.ts";

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(path.join(tmpdir(), "agentplane-mcp-"));
  const rules = "    blocking:\n      - { rule: denylist, tools: [wipe] }\n";
  writeFileSync(path.join(folder, "p.yaml"), `apiVersion: agentplane/v1\npolicies:\n  - id: p\n${rules}`);
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

function command(...flags: readonly string[]): readonly string[] {
  return throughProxy(["--policy", path.join(folder, "p.yaml"), ...flags], []).slice(0, -1);
}

test("run --upstream governs a server over HTTP for a client that starts the proxy", async () => {
  const server = await everythingServer();
  onTestFinished(() => server.close());
  const { client } = await connected(command("--upstream", server.url));
  const { tools } = await client.listTools();
  expect(tools.map(({ name }) => name)).toContain("echo");
  expect(tools.map(({ name }) => name)).not.toContain("wipe");
  expect(JSON.stringify(await client.callTool({ name: "echo", arguments: { words: "hi" } }))).toContain("hi");
  await client.close();
});

test.each([
  [["--upstream", "ftp://127.0.0.1/"], "use http:// or https://", 1],
  [["--upstream", "http://127.0.0.1:1/", "--upstream-transport", "pipe"], "auto, http, sse", 2],
  [["--upstream", "http://127.0.0.1:1/", "--", "true"], "a server is started, or it listens", 2],
  [[], "name the server's command after --", 2],
])("run %j does not start", (flags, words, code) => {
  const [program = "", ...args] = command(...flags);
  const { status, stderr, stdout } = spawnSync(program, args, { encoding: "utf8", input: "" });
  expect(stderr).toContain(words);
  expect([status, stdout]).toStrictEqual([code, ""]);
});
