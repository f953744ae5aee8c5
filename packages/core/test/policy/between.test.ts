import { expect, test } from "vitest";
import * as z from "zod/mini";

import { between } from "../../src/policy/between.ts";

test("counts characters, not the places they take", () => {
  const schema = z.string().check(between(1, 2));
  const fits = (text: string): boolean => z.safeParse(schema, text).success;
  expect(["", "a", "ab", "abc", "😀😀", "😀😀😀"].map(fits)).toStrictEqual([
    false,
    true,
    true,
    false,
    true,
    false,
  ]);
});

test("takes both bounds themselves, of numbers and of lists", () => {
  const number = z.number().check(between(-1, 2));
  const list = z.array(z.unknown()).check(between(1));
  expect([-2, -1, 2, 3].map((value) => z.safeParse(number, value).success)).toStrictEqual([
    false,
    true,
    true,
    false,
  ]);
  expect([[], [1]].map((value) => z.safeParse(list, value).success)).toStrictEqual([false, true]);
});
