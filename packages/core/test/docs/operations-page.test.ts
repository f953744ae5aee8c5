import { mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";

import { expect, onTestFinished, test } from "vitest";

import type { LimitState } from "../../src/index.ts";
import { verifyDirectory } from "../../src/node/verify-directory.ts";
import { runPlane } from "./page-plane.ts";
import { runSnippet } from "./run-snippet.ts";

const PAGE = "docs/operations.md";
const callOf = (agent: string, tool: string, tenant = "other") =>
  ({ hookpoint: "before_tool_call", agent, tool, tenant }) as const;

test("plugs cut an agent, a tool of one tenant, and a tenant", async () => {
  const { plane } = await runPlane(PAGE, "plug");
  const effectOf = async (agent: string, tool: string, tenant?: string): Promise<string> =>
    (await plane.engine.decide(callOf(agent, tool, tenant))).effect;
  expect(await effectOf("billing", "search")).toBe("block");
  expect(await effectOf("support", "send_invoice", "acme")).toBe("block");
  expect(await effectOf("support", "send_invoice")).toBe("allow");
  expect(await effectOf("support", "search", "globex")).toBe("block");
  expect(await effectOf("support", "search")).toBe("allow");
});

test("modes hold for an agent, a tenant and everything, and end as they say", async () => {
  const { plane, ports } = await runPlane(PAGE, "degrade");
  // HUMAN_LOOP of the agent was recovered, so only the global throttle is left.
  expect(await plane.engine.decide(callOf("billing", "refund"))).toMatchObject({
    effect: "allow",
    modes: ["RATE_THROTTLE"],
  });
  expect(await plane.engine.decide(callOf("billing", "refund", "acme"))).toMatchObject({ effect: "block" });
  ports.clock.advance(30 * 60_000);
  expect(await plane.engine.decide(callOf("billing", "refund", "acme"))).toMatchObject({
    effect: "allow",
    modes: [],
  });
});

test("an approval is good once", async () => {
  const log: unknown[][] = [];
  const globals = { console: { log: (...line: unknown[]) => log.push(line) } };
  const { names } = await runPlane(PAGE, "approvals", { world: { globals } });
  expect(names["done"]).toBe("refunded o-1");
  expect(names["again"]).not.toBe(names["done"]);
  expect(names["again"]).not.toBe(names["approvalId"]);
  expect(log.map(([text]) => text)).toEqual([
    `please look at ${String(names["approvalId"])}`,
    `please look at ${String(names["again"])}`,
  ]);
});

test("a grant adds to a limit", async () => {
  const { names } = await runPlane(PAGE, "limits");
  // Both are declared by the snippet, which is type-checked.
  const [before, after] = [names["before"], names["after"]] as readonly (readonly LimitState[])[];
  expect(before?.[0]?.limit).toBe(100);
  expect(after?.[0]?.limit).toBe(150);
});

/** Runs the rest of a test in a directory of its own: the snippets name theirs from where they run. */
function inDirectory(): string {
  const directory = mkdtempSync(path.join(tmpdir(), "agentplane-docs-"));
  const from = process.cwd();
  process.chdir(directory);
  onTestFinished(() => {
    process.chdir(from);
    rmSync(directory, { recursive: true, force: true });
  });
  return path.join(directory, "audit");
}

test("the audit trail of the page verifies", async () => {
  inDirectory();
  const { names } = await runPlane(PAGE, "audit");
  expect(names["report"]).toMatchObject({ ok: true, lines: 1 });
});

test("a published note finds a trail that was taken away, checkpoints and all", async () => {
  const directory = inDirectory();
  const names = await runSnippet(PAGE, "audit-published");
  expect(names["report"]).toMatchObject({ ok: true, sealed: 1, unsealedTail: 0 });
  // The snippet, which is type-checked, declares a list of texts.
  const published = names["kept"] as readonly string[];
  for (const name of readdirSync(directory)) rmSync(path.join(directory, name));
  expect(await verifyDirectory(directory)).toMatchObject({ ok: true, lines: 0 });
  expect(await verifyDirectory(directory, { published })).toMatchObject({
    ok: false,
    firstBad: { problem: "truncated" },
  });
});

test("an approver reads the whole input", async () => {
  const key = Buffer.alloc(32, 1).toString("base64");
  const { names } = await runPlane(PAGE, "shown-input", { world: { globals: { key } } });
  expect(names["input"]).toStrictEqual({ iban: "DE02", password: "x" });
});
