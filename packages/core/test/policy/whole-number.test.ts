import { expect, test } from "vitest";
import * as z from "zod/mini";

import { wholeNumber } from "../../src/policy/whole-number.ts";

const VALUES = [0, 1, 20, 21, -1, 0.5, 20.5, NaN, Infinity, 2 ** 53 - 1, 2 ** 53, -(2 ** 53), "1", null, []];

/** What a schema makes of a value, and what it dislikes of it. */
function told(schema: z.core.$ZodType, value: unknown): unknown {
  const { data, error } = z.safeParse(schema, value);
  return [
    data,
    error?.issues.map((issue) => [
      issue.code,
      "expected" in issue && issue.expected,
      "minimum" in issue && issue.minimum,
      "maximum" in issue && issue.maximum,
    ]),
  ];
}

test.each(VALUES)("%s is told what zod's own whole number tells it", (value) => {
  const limits = [z.gte(1), z.lte(20)];
  expect(told(wholeNumber, value)).toStrictEqual(told(z.int(), value));
  expect(told(wholeNumber.check(...limits), value)).toStrictEqual(told(z.int().check(...limits), value));
});
