import { expect, test } from "vitest";
import { z } from "zod";

import { createRuleFactories, rule } from "../../src/rules/rule-factory.ts";
import { defineRule } from "../../src/rules/rule.ts";

test("writes the same plain data that a policy file contains", () => {
  expect(rule.rate({ limit: 100, window: "1h", per: "tenant", id: "calls" })).toStrictEqual({
    rule: "rate",
    limit: 100,
    window: "1h",
    per: "tenant",
    id: "calls",
  });
  expect(rule.audit()).toStrictEqual({ rule: "audit" });
  expect(Object.isFrozen(rule.allowlist({ tools: ["a"] }))).toBe(true);
});

test("makes factories for kinds of the user's own", () => {
  const quiet = defineRule({
    kind: "quietHours",
    summary: "Blocks at night.",
    timing: "blocking",
    hookpoints: ["*"],
    params: z.strictObject({ from: z.int() }),
    example: { from: 22 },
    isStateless: true,
    compile: () => ({}),
  });
  expect(createRuleFactories([quiet]).quietHours({ from: 22 })).toStrictEqual({
    rule: "quietHours",
    from: 22,
  });
});
