import { expect, test } from "vitest";

import { requireTenant } from "../../src/rules/require-tenant.ts";
import { answerOf, compileRule, contextAt } from "./compile-rule.ts";

test("blocks a call without a tenant and says nothing of one that has one", () => {
  const rule = compileRule(requireTenant);
  expect(answerOf(rule, contextAt("before_agent"))).toBe("block");
  expect(answerOf(rule, contextAt("before_agent", { tenant: "acme" }))).toBe("skip");
});

test("blocks a tenant that is not listed, by pattern", () => {
  const rule = compileRule(requireTenant, { tenants: ["acme", "globex-*", "!globex-test"] });
  expect(answerOf(rule, contextAt("before_tool_call", { tenant: "globex-eu" }))).toBe("skip");
  expect(answerOf(rule, contextAt("before_tool_call", { tenant: "globex-test" }))).toBe("block");
  expect(answerOf(rule, contextAt("before_tool_call", { tenant: "ACME" }))).toBe("block");
});
