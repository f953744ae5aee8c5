import { expect, test } from "vitest";

import type { CompileTools } from "../../src/rules/rule.ts";
import { costBudget } from "../../src/rules/cost-budget.ts";
import { compileRule, modelCall } from "./compile-rule.ts";

const limitOf = (params: object = {}, tools: Partial<CompileTools> = {}) => {
  const [limit] = compileRule(costBudget, { maxUsd: 20, window: "1h", ...params }, tools).limits ?? [];
  if (limit === undefined) throw new Error("no limit was declared");
  return limit;
};
const unknownPrice: Partial<CompileTools> = { prices: { costMicroUsd: () => undefined } };

test("counts dollars in whole micro-dollars", () => {
  expect(limitOf()).toMatchObject({ measure: "microUsd", limit: 20_000_000 });
  expect(limitOf({ maxUsd: 0.1 + 0.2 }).limit).toBe(300_000);
  expect(limitOf().describe()).toBe("at most $20 per 1h and agent");
});

test("refuses an amount that would round to nothing", () => {
  expect(() => limitOf({ maxUsd: 0.000_000_1 })).toThrow(/less than a micro-dollar/);
  expect(limitOf({ maxUsd: 0.000_001 }).limit).toBe(1);
  expect(limitOf({ maxUsd: 0 }).limit).toBe(0);
});

test("charges the hold of a crashed call, or gives it back where the policy says so", () => {
  expect(limitOf().expired).toBe("charge");
  expect(limitOf({ expired: "release" }).expired).toBe("release");
});

test("estimates what the call can cost at most, and clamps its output to that", () => {
  const { amount, clampOutputTokens } = limitOf({ maxOutput: 100 }).estimate(
    modelCall([{ content: "hello" }]),
  );
  expect(clampOutputTokens).toBe(100);
  expect(amount).toBeGreaterThan(100);
});

test("settles the caller's own cost first, else the price of the usage", () => {
  const { actual } = limitOf();
  expect(actual({ costMicroUsd: 9.2, inputTokens: 100 }, modelCall(), 1)).toBe(10);
  expect(actual({ inputTokens: 100, outputTokens: 1 }, modelCall(), 1)).toBe(101);
  expect(actual(undefined, modelCall(), 1)).toBeUndefined();
});

test("blocks a model whose price is unknown unless the policy says otherwise", () => {
  const unknown = limitOf({}, unknownPrice).estimate(modelCall()).unknown;
  expect(unknown?.answer).toMatchObject({
    answer: "block",
    reason: expect.stringContaining('"small" is unknown'),
  });
  expect(limitOf({ onUnknownPrice: "free" }, unknownPrice).estimate(modelCall()).unknown).toStrictEqual({});
});

test("says once per model that its price is unknown when told to alert", () => {
  const warnings: string[] = [];
  const logger = {
    info: () => undefined,
    error: () => undefined,
    warn: (text: string) => void warnings.push(text),
  };
  const limit = limitOf({ onUnknownPrice: "alert" }, { ...unknownPrice, logger });
  expect(limit.estimate(modelCall()).unknown).toStrictEqual({});
  limit.estimate(modelCall());
  expect(warnings).toStrictEqual(['the price of model "small" is unknown: its cost is not counted']);
});

test("does not hold up a model that costs nothing", () => {
  const free = limitOf({ maxUsd: 0 }, { prices: { costMicroUsd: () => 0 } });
  expect(free.estimate(modelCall()).unknown).toStrictEqual({});
});

test("refuses to load without prices when it would block every call", () => {
  expect(() => limitOf({}, { prices: undefined })).toThrow(/needs a price table/);
  expect(() => limitOf({ onUnknownPrice: "free" }, { prices: undefined })).not.toThrow();
});

test("charges the tokens that a usage leaves out, or states as no amount, at their estimate", () => {
  const { actual, estimate } = limitOf({ maxOutput: 100 });
  const call = modelCall([{ content: "hello" }]);
  const inputTokens = estimate(call).amount - 100;
  for (const wrong of [-1, Number.NaN, 1e300]) {
    expect(actual({ inputTokens: 50, outputTokens: wrong }, call, 1)).toBe(150);
    expect(actual({ inputTokens: wrong, outputTokens: 5, costMicroUsd: wrong }, call, 1)).toBe(
      inputTokens + 5,
    );
    expect(actual({ inputTokens: wrong }, call, 1)).toBeUndefined();
  }
});
