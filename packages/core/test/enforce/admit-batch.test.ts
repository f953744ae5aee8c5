import { describe, expect, it } from "vitest";

import type { ContextInit } from "../../src/context/create-context.ts";
import { rule } from "../../src/rules/rule-factory.ts";
import { createTestPorts } from "../../src/testing/create-test-ports.ts";
import { blocking, createBench, sharedState, toolCall, type Bench } from "../plane/bench.ts";
import { laterState } from "../plane/later-state.ts";

const THREE = blocking("b", [rule.rate({ limit: 3, window: "1h", per: "agent" })]);

async function countOf({ plane }: Bench): Promise<number> {
  const [state] = await plane.limits.read({ policyId: "b", ruleId: "rate", agent: "bot", tenant: "acme" });
  return (state?.used ?? 0) + (state?.held ?? 0);
}

describe("a turn with something in it that is no call", () => {
  // As callers without types write it.
  const wrong: readonly [string, ContextInit, string][] = [
    ["a misspelt agent", { ...toolCall("search"), agent: 5 as never }, "context_invalid"],
    ["nothing", undefined as never, "context_invalid"],
    ["a result", { ...toolCall("search"), hookpoint: "after_tool_call" }, "usage_invalid"],
  ];

  it.for(wrong)("is refused whole, and takes nothing: %s", async ([, given, code]) => {
    const bench = createBench({ policies: [THREE] });
    const turn = [toolCall("search"), given, toolCall("search")];
    expect(() => bench.plane.guard.admitBatch(turn)).toThrow(expect.objectContaining({ code }));
    expect(await countOf(bench)).toBe(0);
    expect(bench.decisions()).toStrictEqual([]);
  });
});

it("admits exactly those of a turn that fit, in order, also where the store answers later", async () => {
  const ports = createTestPorts();
  const bench = createBench({ policies: [THREE], sharedPorts: ports, state: laterState(sharedState(ports)) });
  await bench.plane.ready();
  const turn = ["c1", "c2", "c3", "c4"].map((callId) => toolCall("search", {}, { callId }));
  const admitted = await bench.plane.guard.admitBatch(turn);
  expect(admitted.map(({ status }) => status)).toStrictEqual(["admitted", "admitted", "admitted", "blocked"]);
});

describe("policies that come in the middle of a turn", () => {
  const BAN = blocking("ban", [rule.denylist({ tools: ["search"] })]);
  const ACT = { by: "olga", reason: "drill" };
  const later = ["admitted", "blocked", "blocked"];
  const comers: readonly [string, (bench: Bench) => unknown, readonly string[]][] = [
    ["a policy that is added", ({ plane }) => plane.engine.addPolicy(BAN), later],
    [
      "a whole set",
      ({ plane }) => plane.engine.replaceAll("code", { apiVersion: "agentplane/v1", policies: [THREE, BAN] }),
      later,
    ],
    ["a mode", ({ plane }) => plane.controls.degrade({ kind: "global" }, "FULL_BLOCK", ACT), later],
    // The first has not begun either.
    [
      "a plug",
      ({ plane }) => plane.controls.unplug({ kind: "tool", id: "search" }, ACT),
      ["blocked", "blocked", "blocked"],
    ],
  ];

  it.each(comers)("judge all calls after it: %s", async (_name, come, statuses) => {
    const ports = createTestPorts();
    const bench = createBench({
      sharedPorts: ports,
      state: laterState(sharedState(ports)),
      policies: [THREE],
    });
    await bench.plane.ready();
    const seen: string[] = [];
    bench.plane.on("decision", () => void (seen.push("decided") === 1 && come(bench)));
    const turn = ["c1", "c2", "c3"].map((callId) => toolCall("search", {}, { callId }));
    const admitted = await bench.plane.guard.admitBatch(turn);
    expect(admitted.map(({ status }) => status)).toStrictEqual(statuses);
    expect(await countOf(bench)).toBeLessThanOrEqual(1);
  });
});

it("a turn may have any number of calls", async () => {
  const { plane } = createBench();
  const turn = Array.from({ length: 10_000 }, () => toolCall("search"));
  expect(await plane.guard.admitBatch(turn)).toHaveLength(10_000);
});
