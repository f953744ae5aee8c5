import { expect, test } from "vitest";

import { timeBudget } from "../../src/rules/time-budget.ts";
import { rule } from "../../src/rules/rule-factory.ts";
import { blocking, createBench, toolCall as callOf } from "../plane/bench.ts";
import { compileRule, contextAt, problemsOf, toolCall } from "./compile-rule.ts";

const limitOf = (params: object = {}) => {
  const [limit] = compileRule(timeBudget, { limit: "10m", window: "1h", ...params }).limits ?? [];
  if (limit === undefined) throw new Error("no limit was declared");
  return limit;
};

test("declares a limit of milliseconds", () => {
  expect(limitOf()).toMatchObject({
    measure: "ms",
    limit: 600_000,
    per: ["agent"],
    onBreach: "block",
    expired: "charge",
  });
  expect(limitOf({ expired: "release", per: ["tenant", "run"] })).toMatchObject({
    expired: "release",
    per: ["tenant", "run"],
  });
  expect(limitOf().describe()).toBe("at most 10m of running time per 1h and agent");
});

test("estimates a second, what is written, or the whole of a smaller budget; never nothing", () => {
  expect(limitOf().estimate(toolCall("x"))).toStrictEqual({ amount: 1_000 });
  expect(limitOf({ estimate: "5s" }).estimate(toolCall("x"))).toStrictEqual({ amount: 5_000 });
  expect(limitOf({ limit: "200ms" }).estimate(toolCall("x"))).toStrictEqual({ amount: 200 });
});

test("does not measure a run around its calls: their time would count twice", () => {
  for (const hookpoint of ["before_agent", "before_handoff"]) {
    expect(limitOf().estimate(contextAt(hookpoint)).unknown).toStrictEqual({});
  }
});

test("settles the real duration in whole milliseconds, whatever usage says", () => {
  const { actual } = limitOf();
  expect(actual(undefined, toolCall("x"), 12.2)).toBe(13);
  expect(actual({ inputTokens: 7 }, toolCall("x"), 0)).toBe(0);
});

test("refuses an estimate that no budget would hold", () => {
  expect(problemsOf(timeBudget, { limit: "1s", window: "1h", estimate: "2s" })).toStrictEqual([
    "estimate: is more than the limit, so no call would ever fit",
  ]);
  expect(problemsOf(timeBudget, { limit: 600, window: "1h" })).toHaveLength(1);
});

test("a plane lets calls run until their time is used up, failed ones counted too", async () => {
  const { plane, ports } = createBench({
    policies: [blocking("time", [rule.timeBudget({ limit: "10s", window: "1h", estimate: "1s" })])],
  });
  const run = async (ms: number, isFailing = false): Promise<string> => {
    const outcome = await plane.guard.toolCall({
      context: plane.guard.context(callOf("search")),
      run() {
        ports.clock.advance(ms);
        if (isFailing) throw new Error("failed");
        return "done";
      },
    });
    return outcome.status;
  };
  expect(await run(4_000)).toBe("ran");
  await expect(run(4_000, true)).rejects.toThrow("failed");
  expect(await run(1_500)).toBe("ran");
  expect(await run(1)).toBe("blocked");
  const [state] = await plane.limits.read({
    policyId: "time",
    ruleId: "timeBudget",
    agent: "bot",
    tenant: "acme",
  });
  expect(state).toStrictEqual({ used: 9_500, held: 0, limit: 10_000 });
});
