/* oxlint-disable unicorn/no-thenable -- `then` is a word of the policy language: a text, never a function */
import { describe, expect, it } from "vitest";

import { createCel } from "../../src/cel/index.ts";
import { rule } from "../../src/rules/rule-factory.ts";
import { blocking, createBench } from "../plane/bench.ts";
import { openStream, readAll, streamOf } from "./streams.ts";

type Params = Parameters<typeof rule.condition>[0];

/** The texts that a reader of an answer in three pieces has seen by and by. */
async function readUnder(params: Params): Promise<{ seen: readonly string[]; error: unknown }> {
  const bench = createBench({ cel: createCel(), policies: [blocking("late", [rule.condition(params)])] });
  const seen: string[] = [];
  const stream = await openStream(bench, () => streamOf(["one ", "two ", "three", { outputTokens: 500 }]));
  const { error } = await readAll(stream, (text) => seen.push(text));
  return { seen, error };
}

describe("a condition that can withhold an answer lets nothing of it leave before it is asked", () => {
  it.each<[string, Params]>([
    ["the usage", { where: { usage: { outputTokens: { gt: 100 } } } }],
    [
      "the usage, beside other things",
      { where: { any: [{ agent: "x" }, { usage: { outputTokens: { gt: 1 } } }] } },
    ],
    ["success", { where: { isError: false } }],
    ["the hookpoint", { where: { hookpoint: "after_*" } }],
    ["every hookpoint but some", { where: { not: { hookpoint: "before_*" } } }],
    [
      "what the usage must be",
      { where: { hookpoint: "after_model_call" }, require: { usage: { outputTokens: { lt: 9 } } } },
    ],
    ["where a call must stand", { require: { hookpoint: "before_*" } }],
    ["the usage, in CEL", { when: "usage.outputTokens > 100" }],
    [
      "the usage, for a person to decide",
      { where: { usage: { outputTokens: { gt: 100 } } }, then: "escalate" },
    ],
  ])("about %s", async (_, params) => {
    const { seen, error } = await readUnder(params);
    expect(error).toMatchObject({ code: expect.stringMatching(/^(policy_blocked|approval_required)$/) });
    expect(seen.join("")).toBe("");
  });
});

describe("a condition that cannot withhold an answer lets it leave as it comes", () => {
  it.each<[string, Params]>([
    ["asks about the start of calls", { where: { hookpoint: "before_tool_call" } }],
    [
      "asks about several starts",
      { where: { any: [{ hookpoint: "before_tool_call" }, { hookpoint: "before_agent" }] } },
    ],
    [
      "asks about the start, beside the usage",
      { where: { hookpoint: "before_*", not: { usage: { outputTokens: 1 } }, agent: "x" } },
    ],
    ["asks about what is no end", { where: { not: { hookpoint: ["after_*", "on_*"] }, tool: "x" } }],
    [
      "requires something of tools' results",
      { where: { hookpoint: "after_tool_call" }, require: { isError: false } },
    ],
    ["only allows", { where: { usage: { outputTokens: { gt: 100 } } }, then: "allow" }],
    ["asks about the input", { where: { input: { amount: { gt: 5 } } } }],
  ])("because it %s", async (_, params) => {
    const { seen, error } = await readUnder(params);
    expect(error).toBeUndefined();
    expect(seen).toContain("one ");
  });
});
