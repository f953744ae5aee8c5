import { expect, test } from "vitest";
import { parse } from "zod/mini";

import { CheckedWhere } from "../../src/rules/checked-where.ts";
import { condition } from "../../src/rules/condition.ts";

const WHERE = { tool: "refund", input: { amount: { gt: 500 } } };

test("what checking a condition compiled lies on the parameters that the rule is compiled from", () => {
  const { where = {} } = parse(condition.params, { where: WHERE });
  const compiled = CheckedWhere.of(where);
  expect(compiled?.test).toBeTypeOf("function");
  expect(compiled?.reads).toStrictEqual(new Set(["input"]));
});

test("neither what was written nor a changed copy is taken for what was checked", () => {
  const { where = {} } = parse(condition.params, { where: WHERE });
  expect(CheckedWhere.of(WHERE)).toBeUndefined();
  expect(CheckedWhere.of({ ...where, tool: "payout" })).toBeUndefined();
});

test("what was noted first stays: a condition that is checked twice says the same", () => {
  const { where = {} } = parse(condition.params, { where: WHERE });
  const first = CheckedWhere.of(where)!;
  CheckedWhere.put(where, { ...first, isAboutOutcome: true });
  expect(CheckedWhere.of(where)).toBe(first);
});
