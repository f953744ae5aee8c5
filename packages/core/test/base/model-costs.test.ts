import { expect, test } from "vitest";

import { isCompleteUsage } from "../../src/base/model-costs.ts";

test("a usage is complete when it says what its limit charges", () => {
  expect(isCompleteUsage({ inputTokens: 0, outputTokens: 5 })).toBe(true);
  expect(isCompleteUsage({ costMicroUsd: 5 }, "microUsd")).toBe(true);
  expect(isCompleteUsage({ inputTokens: 1, outputTokens: 5, costMicroUsd: -1 }, "microUsd")).toBe(true);
});

test("a usage that leaves a part out, or states it as no amount, is not", () => {
  for (const usage of [undefined, {}, { inputTokens: 1 }, { outputTokens: 1 }, { costMicroUsd: 5 }])
    expect(isCompleteUsage(usage, "tokens")).toBe(false);
  for (const outputTokens of [-1, Number.NaN, Infinity, 1e300])
    expect(isCompleteUsage({ inputTokens: 1, outputTokens }, "microUsd")).toBe(false);
});
