import { expect, test } from "vitest";

import { audit } from "../../src/rules/audit.ts";
import { compileRule, problemsOf } from "./compile-rule.ts";

test("declares what a record may contain: no content unless asked for", () => {
  expect(compileRule(audit).audit).toStrictEqual({ includeInput: false, includeResult: false });
  expect(compileRule(audit, { includeInput: true, mode: "durable" }).audit).toStrictEqual({
    includeInput: true,
    includeResult: false,
    mode: "durable",
  });
});

test("is a declaration and not an effect", () => {
  const rule = compileRule(audit);
  expect([rule.check, rule.observe]).toStrictEqual([undefined, undefined]);
});

test("cannot be told to switch the trail off", () => {
  expect(problemsOf(audit, { mode: "off" })).toHaveLength(1);
  expect(problemsOf(audit, { enabled: false })).toHaveLength(1);
});
