import { expect, test } from "vitest";
import * as z from "zod/mini";

import { omittable } from "../../src/policy/omittable.ts";

test("a member that is left out is not put to its schema, one that is there is", () => {
  const seen: string[] = [];
  const name = z.string().check(z.minLength(2), ({ value }) => void seen.push(value));
  const schema = z.strictObject({ name: omittable(name) });
  expect(z.parse(schema, {})).toStrictEqual({});
  expect(seen).toStrictEqual([]);
  expect(z.parse(schema, { name: "ab" })).toStrictEqual({ name: "ab" });
  expect(seen).toStrictEqual(["ab"]);
  expect(z.safeParse(schema, { name: "a" }).success).toBe(false);
  expect(z.safeParse(schema, { name: null }).success).toBe(false);
});
