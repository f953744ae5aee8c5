import { describe, expect, it } from "vitest";

import { createCel } from "../../src/cel/index.ts";
import type { Usage } from "../../src/base/model-costs.ts";
import type { Outcome } from "../../src/enforce/outcome.ts";
import { rule } from "../../src/rules/rule-factory.ts";
import { blocking, createBench, modelCall, toolCall, type Bench } from "./bench.ts";

const LONG = [
  ["where", blocking("long", [rule.condition({ where: { usage: { outputTokens: { gt: 100 } } } })])],
  ["require", blocking("long", [rule.condition({ require: { usage: { outputTokens: { lte: 100 } } } })])],
  ["when", blocking("long", [rule.condition({ when: "usage.outputTokens > 100" })])],
] as const;

async function called({ plane }: Bench, usage: Usage | undefined): Promise<Outcome<string>> {
  return plane.guard.modelCall({ context: modelCall(), run: () => "answer", usage: () => usage });
}

describe.for(LONG)("a condition about the usage, said in %s,", ([, policy]) => {
  const benchOf = (): Bench => createBench({ policies: [policy], cel: createCel() });

  it("is answered by what the model reports", async () => {
    expect(await called(benchOf(), { outputTokens: 100 })).toMatchObject({ status: "ran" });
    expect(await called(benchOf(), { outputTokens: 101 })).toMatchObject({ status: "blocked" });
  });

  it("has no answer when the model reports none, and the answer is withheld", async () => {
    for (const usage of [undefined, {}]) {
      const bench = benchOf();
      // oxlint-disable-next-line no-await-in-loop -- one plane after the other
      expect(await called(bench, usage)).toMatchObject({ status: "blocked", decision: { policyId: "long" } });
      expect(bench.outcomes()).toMatchObject([{ outcome: "withheld" }]);
    }
  });

  it("leaves alone what has none: the beginning of a call, a call that failed, a tool", async () => {
    const { plane } = benchOf();
    const failed = plane.guard.modelCall({
      context: modelCall(),
      run: () => Promise.reject(new Error("503")),
    });
    await expect(failed).rejects.toThrow("503");
    const reported = plane.guard.modelCall({ context: modelCall(), run: () => "x", isError: () => true });
    expect(reported).toMatchObject({ status: "ran" });
    expect(await plane.guard.toolCall({ context: toolCall("search"), run: () => 1 })).toMatchObject({
      status: "ran",
    });
  });
});
