import { describe, expect, it } from "vitest";

import { rule } from "../../src/rules/rule-factory.ts";
import { blocking, createBench, modelCall } from "../plane/bench.ts";

function named(...names: string[]): readonly { readonly name: string }[] {
  return names.map((name) => ({ name }));
}

describe("visibleTools", () => {
  it("hides what no input could make allowed, and keeps what an input decides", async () => {
    const bench = createBench({
      policies: [
        blocking("p", [
          rule.denylist({ tools: ["delete_*"] }),
          rule.condition({ where: { tool: "refund", input: { amount: { gt: 5 } } } }),
          rule.rate({ limit: 0, window: "1h" }),
        ]),
      ],
    });
    const context = bench.plane.guard.context(modelCall());
    expect(
      await bench.plane.guard.visibleTools(named("search", "delete_all", "refund"), context),
    ).toStrictEqual(named("search", "refund"));
    expect(bench.records.filter(({ kind }) => kind !== "control")).toStrictEqual([]);
  });

  it("under a closed default shows what an allowlist names", async () => {
    const { plane } = createBench({
      defaultEffect: "block",
      policies: [blocking("p", [rule.allowlist({ tools: ["search"] })])],
    });
    expect(
      await plane.guard.visibleTools(named("search", "update"), plane.guard.context(modelCall())),
    ).toStrictEqual(named("search"));
  });

  it("hides what needs a human only where nobody could be asked", async () => {
    // oxlint-disable-next-line unicorn/no-thenable -- a word of the policy language: a text, never a function
    const ask = rule.condition({ where: { tool: "search" }, then: "escalate" });
    const { plane } = createBench({ policies: [blocking("p", [ask])] });
    const [here, elsewhere, other] = [
      { name: "search" },
      { name: "search", canAsk: false },
      { name: "read", canAsk: false },
    ];
    const context = plane.guard.context(modelCall());
    expect(await plane.guard.visibleTools([here, elsewhere, other], context)).toStrictEqual([here, other]);
  });

  it("gives back the very list where everything is visible, and nothing of an unplugged agent", async () => {
    const { plane } = createBench();
    const tools = named("a", "b");
    expect(await plane.guard.visibleTools(tools, plane.guard.context(modelCall()))).toBe(tools);
    await plane.controls.unplug({ kind: "tool", id: "a" }, { by: "olga", reason: "x" });
    expect(await plane.guard.visibleTools(tools, plane.guard.context(modelCall()))).toStrictEqual(named("b"));
    await plane.controls.unplug({ kind: "all" }, { by: "olga", reason: "x" });
    expect(await plane.guard.visibleTools(tools, plane.guard.context(modelCall()))).toStrictEqual([]);
  });
});
