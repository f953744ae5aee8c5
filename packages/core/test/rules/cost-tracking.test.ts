import { expect, test } from "vitest";

import { costTracking } from "../../src/rules/cost-tracking.ts";
import { compileRule, modelCall } from "./compile-rule.ts";

test("keeps a total per subject that nothing can exceed", () => {
  expect(compileRule(costTracking).limits).toMatchObject([
    { measure: "microUsd", limit: Number.MAX_SAFE_INTEGER, window: { kind: "lifetime" }, per: ["tenant"] },
  ]);
  expect(compileRule(costTracking).limits?.[0]?.onBreach).not.toBe("block");
});

test("adds what a call really cost", () => {
  const [limit] = compileRule(costTracking, { per: ["agent"], window: "1h" }).limits ?? [];
  expect(limit?.actual({ inputTokens: 3, outputTokens: 4 }, modelCall(), 1)).toBe(7);
  expect(limit?.estimate(modelCall()).clampOutputTokens).toBeUndefined();
});

test("lets an unpriced model run and warns once", () => {
  const warnings: string[] = [];
  const logger = {
    info: () => undefined,
    error: () => undefined,
    warn: (text: string) => void warnings.push(text),
  };
  const [limit] = compileRule(costTracking, {}, { prices: undefined, logger }).limits ?? [];
  expect(limit?.estimate(modelCall())).toStrictEqual({ amount: 0 });
  limit?.estimate(modelCall());
  expect(warnings).toHaveLength(1);
});

test("counts the tokens that a usage leaves out at their estimate", () => {
  const [limit] = compileRule(costTracking).limits ?? [];
  expect(limit?.actual({ inputTokens: 3 }, modelCall(), 1)).toBe(3 + 4096);
  expect(limit?.actual({ inputTokens: -3 }, modelCall(), 1)).toBeUndefined();
});
