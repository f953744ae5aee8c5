import { createHash } from "node:crypto";

import { expect, test } from "vitest";

import { digestOf } from "../../src/base/digest.ts";

test("names data by the SHA-256 of its JSON", () => {
  const data = [{ role: "user", content: "ä𝄞" }, undefined, 1.5];
  const expected = createHash("sha256").update(JSON.stringify(data)).digest("hex");
  expect(digestOf(data)).toBe(expected);
  expect(digestOf({ a: 1, b: 2 })).not.toBe(digestOf({ b: 2, a: 1 }));
});

test("names what has no JSON, too", () => {
  expect(digestOf(undefined)).toHaveLength(64);
});
