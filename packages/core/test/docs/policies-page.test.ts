import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";

import { expect, onTestFinished, test } from "vitest";
import { parse } from "yaml";

import { createAgentPlane, ConfigError, type LintFinding, type PolicyDocument } from "../../src/index.ts";
import type { PolicyWatch } from "../../src/node/index.ts";
import { blockOf } from "./markdown-blocks.ts";
import { runPlane } from "./page-plane.ts";
import { runSnippet } from "./run-snippet.ts";

const PAGE = "docs/policies.md";
const callOf = (tool: string, input: object = {}) =>
  ({ hookpoint: "before_tool_call", agent: "support", tool: { name: tool, input } }) as const;

test("the page shows the errors that its broken file really gives", () => {
  const plane = createAgentPlane();
  // It is broken on purpose; loading it says how.
  const document = parse(blockOf(PAGE, "snippet: broken").code) as PolicyDocument;
  let said = "nothing";
  try {
    plane.engine.replaceAll("file:agentplane.yaml", document);
  } catch (error) {
    if (error instanceof ConfigError) said = error.message;
  }
  expect(blockOf(PAGE, "output: broken").code).toBe(said);
});

test("the page shows the findings that lint really gives", async () => {
  const { findings } = await runSnippet(PAGE, "lint");
  // Declared by the snippet, which is type-checked.
  const lines = (findings as readonly LintFinding[]).map(
    ({ severity, code, path: place, message, suggestion }) =>
      `${severity} ${code}\n  ${place}: ${message} — ${suggestion}`,
  );
  expect(blockOf(PAGE, "output: lint").code).toBe(lines.join("\n"));
});

test("a CEL condition blocks what it describes", async () => {
  const { plane } = await runPlane(PAGE, "cel");
  expect(await plane.engine.decide(callOf("refund", { amount: 600 }))).toMatchObject({ effect: "block" });
  expect(await plane.engine.decide(callOf("refund", { amount: 500 }))).toMatchObject({ effect: "allow" });
});

test("policies change while the plane runs", async () => {
  const { plane } = await runPlane(PAGE, "live");
  expect(plane.engine.policies().map(({ policy }) => policy.id)).toEqual(["tools"]);
  expect(await plane.engine.decide(callOf("search"))).toMatchObject({ effect: "allow" });
  expect(await plane.engine.decide(callOf("other"))).toMatchObject({ effect: "block" });
});

test("a text is loaded while the plane runs", async () => {
  const { plane, names } = await runPlane(PAGE, "load");
  expect(names["outcome"]).toBe("in_force");
  expect(plane.engine.policies().map(({ policy }) => policy.id)).toEqual(["quiet"]);
});

test("a kind of one's own blocks at its hours", async () => {
  const { plane, ports } = await runPlane(PAGE, "own-kind");
  // The fake clock starts at midnight, UTC.
  expect(await plane.engine.decide(callOf("search"))).toMatchObject({
    effect: "block",
    ruleId: "quietHours",
  });
  ports.clock.advance(6 * 3_600_000);
  expect(await plane.engine.decide(callOf("search"))).toMatchObject({ effect: "allow" });
});

test("a policy file is put in force and followed", async () => {
  const directory = mkdtempSync(path.join(tmpdir(), "agentplane-docs-"));
  const from = process.cwd();
  process.chdir(directory);
  writeFileSync("agentplane.yaml", "apiVersion: agentplane/v1\ndefaultEffect: block\npolicies: []\n");
  onTestFinished(() => {
    process.chdir(from);
    rmSync(directory, { recursive: true, force: true });
  });
  const { plane, names } = await runPlane(PAGE, "file");
  // Declared by the snippet, which is type-checked.
  await (names["file"] as PolicyWatch).close();
  expect(await plane.engine.decide(callOf("search"))).toMatchObject({ effect: "block", cause: "no_policy" });
});
