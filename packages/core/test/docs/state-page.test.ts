import path from "node:path";

import { afterEach, beforeEach, expect, test } from "vitest";

import type { AgentPlane } from "../../src/index.ts";
import { stateStoreContract } from "../../src/testing/state-store-contract.ts";
import { temporaryDirectory } from "../node/temporary-directory.ts";
import { runPlane } from "./page-plane.ts";
import { runSnippet } from "./run-snippet.ts";

const PAGE = "docs/state.md";
const call = { hookpoint: "before_tool_call", agent: "bot", tool: "search" } as const;
const home = process.cwd();
const opened: AgentPlane[] = [];

beforeEach(() => process.chdir(path.resolve(temporaryDirectory())));

afterEach(async () => {
  await Promise.all(opened.splice(0).map(async (plane) => plane.close()));
  process.chdir(home);
});

async function planeOf(id: string): Promise<Awaited<ReturnType<typeof runPlane>>> {
  const ran = await runPlane(PAGE, id);
  opened.push(ran.plane);
  return ran;
}

test("one file: a decision stays synchronous, and what it counted is there for the next plane", async () => {
  const first = await planeOf("sqlite");
  expect(first.plane.engine.decide(call)).toMatchObject({ effect: "allow" });
  const second = await planeOf("sqlite");
  const left = await second.plane.limits.read({ policyId: "pace", ruleId: "rate", agent: "bot" });
  expect(left).toMatchObject([{ used: 1, limit: 100 }]);
});

test("a deadline is an option of the plane", async () => {
  const { plane } = await planeOf("deadline");
  expect(plane.engine.decide(call)).toMatchObject({ effect: "allow" });
});

test("published versions are kept", async () => {
  await planeOf("versions");
  const { names } = await planeOf("versions");
  expect(names["history"]).toMatchObject([{ version: 1, author: "mira" }]);
});

test("a store of your own runs the contract", async () => {
  const names = await runSnippet(PAGE, "contract");
  expect(names["cases"]).toHaveLength(
    stateStoreContract({ name: "x", create: () => Promise.reject(new Error("unused")) }).length,
  );
});
