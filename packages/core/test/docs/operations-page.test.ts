import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";

import { expect, onTestFinished, test } from "vitest";

import type { LimitState } from "../../src/index.ts";
import { runPlane } from "./page-plane.ts";

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

test("the audit trail of the page verifies", async () => {
  const directory = mkdtempSync(path.join(tmpdir(), "agentplane-docs-"));
  const from = process.cwd();
  process.chdir(directory);
  onTestFinished(() => {
    process.chdir(from);
    rmSync(directory, { recursive: true, force: true });
  });
  const { names } = await runPlane(PAGE, "audit");
  expect(names["report"]).toMatchObject({ ok: true, lines: 1 });
});
