import { expectTypeOf, test } from "vitest";

import type { RuleSpec } from "../../src/policy/policy.ts";
import { rule } from "../../src/rules/rule-factory.ts";

test("a factory accepts what its kind's schema accepts, and an id", () => {
  expectTypeOf(rule.rate({ limit: 1, window: "1h" })).toEqualTypeOf<RuleSpec>();
  expectTypeOf(
    rule.rate({ limit: 1, window: "1h", per: ["tenant", "agent"], id: "calls" }),
  ).toEqualTypeOf<RuleSpec>();
  expectTypeOf(rule.allowlist({ tools: ["a"] as const })).toEqualTypeOf<RuleSpec>();
  expectTypeOf(rule.audit()).toEqualTypeOf<RuleSpec>();
  expectTypeOf(rule.redact({ fields: ["ssn"], detect: ["email"] })).toEqualTypeOf<RuleSpec>();
  expectTypeOf(rule.alert({ channel: "log", on: ["breach"] })).toEqualTypeOf<RuleSpec>();
  const where = {
    tool: "refund",
    input: { amount: { gt: 500 } },
    any: [{ tenant: "a" }, { not: { user: "b" } }],
  };
  expectTypeOf(
    rule.condition({ where, require: { history: { calls: { lt: 3 } } } }),
  ).toEqualTypeOf<RuleSpec>();
  const degrade = { mode: "READ_ONLY", recover: { after: "30m" } } as const;
  expectTypeOf(
    rule.rate({ limit: 1, window: { calendar: "day" }, onBreach: "degrade", degrade }),
  ).toEqualTypeOf<RuleSpec>();
});

test("a factory refuses an unknown field, a wrong type and a missing field when it is compiled", () => {
  // @ts-expect-error -- `limits` is not a parameter of rate
  expectTypeOf(rule.rate({ limits: 1, window: "1h" })).toEqualTypeOf<RuleSpec>();
  // @ts-expect-error -- a limit is a number
  expectTypeOf(rule.rate({ limit: "1", window: "1h" })).toEqualTypeOf<RuleSpec>();
  // @ts-expect-error -- an allowlist needs tools
  expectTypeOf(rule.allowlist()).toEqualTypeOf<RuleSpec>();
});
