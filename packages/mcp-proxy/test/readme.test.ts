import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";

import { usePolicyFile } from "@agentplane/core/node";
import { expect, onTestFinished, test } from "vitest";

import { callOf, request, wiredRelay } from "./wired-relay.ts";

const README = readFileSync(new URL("../README.md", import.meta.url), "utf8");

test("the file of the README's first minute is the example's, which the CI runs", () => {
  const [, yaml] = /```yaml\n(# [^]*?)```/.exec(README) ?? [];
  expect(yaml).toBe(
    readFileSync(new URL("../../../examples/mcp-filesystem/agentplane.yaml", import.meta.url), "utf8"),
  );
});

test("the file of the README that denies by default lets exactly what it names happen", async () => {
  const [, yaml = ""] = /```yaml\n(apiVersion[^]*?)```/.exec(README) ?? [];
  const lists: Record<string, object> = {
    initialize: { protocolVersion: "2025-11-25", capabilities: { tools: {} }, instructions: "Read first." },
    "tools/list": { tools: [{ name: "read_file" }, { name: "write_file" }] },
    "resources/list": { resources: [{ uri: "file:///srv/handbook.md" }, { uri: "file:///etc/passwd" }] },
    "prompts/list": { prompts: [{ name: "plan" }] },
  };
  const { client, answer, plane, toServer } = wiredRelay(
    {},
    { serve: ({ method }) => ({ result: lists[String(method)] ?? { content: [], contents: [] } }) },
  );
  const folder = mkdtempSync(path.join(tmpdir(), "agentplane-mcp-"));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  const file = path.join(folder, "agentplane.yaml");
  writeFileSync(file, yaml);
  const policies = await usePolicyFile(plane, file);
  onTestFinished(() => policies.close());
  client(request(0, "initialize", { protocolVersion: "2025-11-25", capabilities: {} }));
  expect(await answer(0)).toMatchObject({ result: { instructions: "Read first." } });
  for (const [at, method] of Object.keys(lists).slice(1).entries()) client(request(`l${at}`, method));
  expect(await answer("l0")).toHaveProperty("result.tools", [{ name: "read_file" }]);
  expect(await answer("l1")).toHaveProperty("result.resources", [{ uri: "file:///srv/handbook.md" }]);
  expect(await answer("l2")).toHaveProperty("result.prompts", []);
  client(callOf(1, "read_file"));
  client(callOf(2, "write_file"));
  client(request(3, "resources/read", { uri: "file:///srv/handbook.md" }));
  client(request(4, "resources/read", { uri: "file:///etc/passwd" }));
  client(request(5, "prompts/get", { name: "plan" }));
  expect(await answer(1)).toHaveProperty("result.content", []);
  expect(await answer(3)).toHaveProperty("result");
  expect(await answer(4)).toHaveProperty("error");
  expect(await answer(5)).toHaveProperty("error");
  await answer(2);
  expect(toServer.filter((text) => /write_file|passwd|"plan"/.test(text))).toStrictEqual([]);
  await plane.close();
});
