import { assert, jsonValue, property } from "fast-check";
import { expect, test } from "vitest";

import { isSameJson } from "../src/protocol/json.ts";

const json = jsonValue({ maxDepth: 3 }).map((value): unknown => JSON.parse(JSON.stringify(value)));

test("a copy says the same JSON, whatever the order of its members", () => {
  const turned = (value: unknown): unknown =>
    typeof value === "object" && value !== null && !Array.isArray(value)
      ? Object.fromEntries(Object.entries(value).toReversed())
      : value;
  assert(
    property(json, (value) => {
      expect(isSameJson(turned(structuredClone(value)), value)).toBe(true);
    }),
  );
});

test.each([
  [{ a: 1 }, { a: 2 }],
  [{ a: 1 }, { a: 1, b: 2 }],
  [{ a: 1, b: 2 }, { a: 1 }],
  [{ a: 1 }, { b: 1 }],
  [[], {}],
  [[1], { 0: 1 }],
  [["a"], ["a", "a"]],
  [null, {}],
  ["1", 1],
  [{ a: { b: [1] } }, { a: { b: [2] } }],
  // A plane's mark for a date, and data that is written like one.
  [{ at: { $opaque: "Date" } }, { at: { $opaque: "Date" } }],
])("%j and %j do not say the same", (one, other) => {
  expect(isSameJson(one, other)).toBe(false);
  expect(isSameJson(other, one)).toBe(false);
});
