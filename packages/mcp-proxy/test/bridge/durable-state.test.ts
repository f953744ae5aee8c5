import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";

import { expect, onTestFinished, test } from "vitest";

import { everythingServer } from "../http/everything-server.ts";
import { connected, throughProxy } from "../stdio-client.ts";

test("a limit that is used up stays so over a restart of the proxy with --state, and counts anew without", async () => {
  const folder = mkdtempSync(path.join(tmpdir(), "agentplane-mcp-"));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  const server = await everythingServer();
  onTestFinished(() => server.close());
  const rules = "    blocking:\n      - { rule: rate, limit: 1, window: 1h, per: agent }\n";
  const selector = "    selector: { tools: [echo] }\n";
  const policy = path.join(folder, "p.yaml");
  writeFileSync(policy, `apiVersion: agentplane/v1\npolicies:\n  - id: p\n${selector}${rules}`);
  const called = async (...flags: readonly string[]): Promise<boolean> => {
    const command = throughProxy(["--policy", policy, "--upstream", server.url, ...flags], []).slice(0, -1);
    const { client } = await connected(command);
    const { isError } = await client.callTool({ name: "echo", arguments: { words: "hi" } });
    await client.close();
    return isError !== true;
  };
  const state = ["--state", path.join(folder, "state.db")];
  expect(await called(...state)).toBe(true);
  expect(await called(...state)).toBe(false);
  expect(await called()).toBe(true);
  expect(await called()).toBe(true);
});
