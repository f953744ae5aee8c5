import { expect, test } from "vitest";
import * as z from "zod/mini";

import { checkedBy, mustHold } from "../../src/policy/schema-check.ts";

const schema = z.strictObject({ least: z.number(), most: z.number() }).check(
  mustHold(({ least, most }) => least <= most, "is above most", { at: "least", suggestion: "swap them" }),
  mustHold(({ most }) => most > 0, "allows nothing"),
  checkedBy((range, report) => {
    for (const name of ["least", "most"] as const) {
      if (!Number.isInteger(range[name])) report([name], "is not whole");
    }
  }),
);

test("a value that every check likes passes as it is", () => {
  expect(z.safeParse(schema, { least: 1, most: 2 })).toStrictEqual({
    success: true,
    data: { least: 1, most: 2 },
  });
});

test("every check tells what it dislikes, also after one that disliked something", () => {
  const { error } = z.safeParse(schema, { least: 0.5, most: -0.5 });
  expect(
    error?.issues.map((issue) => [issue.path, issue.message, "params" in issue && issue.params]),
  ).toEqual([
    [["least"], "is above most", { suggestion: "swap them" }],
    [[], "allows nothing", {}],
    [["least"], "is not whole", {}],
    [["most"], "is not whole", {}],
  ]);
});
