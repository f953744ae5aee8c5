import { expect, test } from "vitest";

import { tokenBudget } from "../../src/rules/token-budget.ts";
import { compileRule, modelCall, problemsOf } from "./compile-rule.ts";

const limitOf = (params: object = { maxTokens: 10_000 }) => {
  const [limit] = compileRule(tokenBudget, { window: "1h", ...params }).limits ?? [];
  if (limit === undefined) throw new Error("no limit was declared");
  return limit;
};

test("declares a limit of tokens under either name", () => {
  expect(limitOf()).toMatchObject({ measure: "tokens", limit: 10_000, per: ["agent"], onBreach: "block" });
  expect(limitOf({ limit: 5 }).limit).toBe(5);
});

test("charges the hold of a crashed call, or gives it back where the policy says so", () => {
  expect(limitOf().expired).toBe("charge");
  expect(limitOf({ maxTokens: 5, expired: "release" }).expired).toBe("release");
  expect(problemsOf(tokenBudget, { window: "1h", maxTokens: 5, expired: "keep" })).toHaveLength(1);
});

test("estimates the prompt's UTF-8 bytes by three plus the output that is allowed, and clamps to it", () => {
  const messages = [{ role: "user", content: "é".repeat(300) }];
  const bytes = new TextEncoder().encode(JSON.stringify([messages, []])).length;
  expect(limitOf().estimate(modelCall(messages))).toStrictEqual({
    amount: Math.ceil(bytes / 3) + 4096,
    clampOutputTokens: 4096,
  });
});

test("assumes no more output than is requested, and never nothing for a senseless request", () => {
  expect(limitOf().estimate(modelCall([], 100)).clampOutputTokens).toBe(100);
  expect(limitOf({ maxTokens: 1, maxOutput: 50 }).estimate(modelCall([], 100)).clampOutputTokens).toBe(50);
  expect(limitOf().estimate(modelCall([], -1)).clampOutputTokens).toBe(4096);
});

test("settles what was really used, and keeps the estimate where usage is missing", () => {
  const { actual } = limitOf();
  expect(actual({ inputTokens: 7, outputTokens: 5 }, modelCall(), 1)).toBe(12);
  expect(actual({}, modelCall(), 1)).toBeUndefined();
  expect(actual(undefined, modelCall(), 1)).toBeUndefined();
});

test("charges the part of a usage that is missing or senseless at its estimate", () => {
  const { actual, estimate } = limitOf({ maxTokens: 10_000, maxOutput: 1000 });
  const call = modelCall([{ role: "user", content: "x".repeat(300) }]);
  const inputTokens = estimate(call).amount - 1000;
  expect(inputTokens).toBeGreaterThan(100);
  for (const wrong of [undefined, -100, Number.NaN, Infinity, 1e300]) {
    const none = wrong !== undefined && { inputTokens: wrong };
    expect(actual({ ...none, outputTokens: 5 }, call, 1)).toBe(inputTokens + 5);
    expect(actual({ inputTokens: 7, ...(wrong !== undefined && { outputTokens: wrong }) }, call, 1)).toBe(
      1007,
    );
    expect(actual({ ...none }, call, 1)).toBeUndefined();
  }
  const most = Number.MAX_SAFE_INTEGER;
  expect(actual({ inputTokens: most, outputTokens: most }, call, 1)).toBeUndefined();
});

test("refuses a budget without a number, with two, or with a negative one", () => {
  const window = "1h";
  expect(problemsOf(tokenBudget, { window })).toStrictEqual(["maxTokens: must be given, once"]);
  expect(problemsOf(tokenBudget, { window, limit: 1, maxTokens: 1 })).toStrictEqual([
    "maxTokens: must be given, once",
  ]);
  expect(problemsOf(tokenBudget, { window, maxTokens: -1 })).toHaveLength(1);
});
