import * as fc from "fast-check";
import { expect, test } from "vitest";

import { isJsonContainer } from "../../src/context/json-check.ts";

function parses(text: string): boolean {
  try {
    const value: unknown = JSON.parse(text.trim());
    return typeof value === "object" && value !== null;
  } catch {
    return false;
  }
}

test("agrees with JSON.parse on JSON, and on JSON that was damaged", () => {
  const damage = fc.record({
    at: fc.nat(),
    gone: fc.nat(2),
    put: fc.constantFrom(
      "",
      ",",
      ":",
      '"',
      "{",
      "}",
      "[",
      "]",
      "\\",
      "0",
      "-",
      ".",
      "e",
      "t",
      "\n",
      " ",
      "\u00a0",
      "\\u00",
    ),
  });
  fc.assert(
    fc.property(fc.json({ maxDepth: 3 }), fc.option(damage), (json, damaged) => {
      const at = damaged === null ? 0 : damaged.at % (json.length + 1);
      const text = damaged === null ? json : json.slice(0, at) + damaged.put + json.slice(at + damaged.gone);
      expect(isJsonContainer(text)).toBe(parses(text));
    }),
    { numRuns: 5_000 },
  );
});

test.for([
  "{}",
  "[]",
  ' [1, -0.5e+3, "\\u00e9\\n", true, false, null, {"a":[]}]\n',
  "\ufeff{}",
  "[01]",
  "[1.]",
  "[-]",
  "[.5]",
  "[1e]",
  "[,]",
  "[1,]",
  '{"a"}',
  '{"a":}',
  '{"a":1,}',
  "{,}",
  "{1:1}",
  '["\\x"]',
  '["\t"]',
  '["\\u12"]',
  "[}",
  "{]",
  "{}{}",
  "[1 2]",
  "{",
  "1",
  '""',
  "[\u00a01]",
  "[tru]",
  "[truefalse]",
  "",
])("agrees with JSON.parse on %j", (text) => {
  expect(isJsonContainer(text)).toBe(parses(text));
});

test("takes a nesting of any depth", () => {
  expect(isJsonContainer("[".repeat(100_000) + "]".repeat(100_000))).toBe(true);
  expect(isJsonContainer("[".repeat(100_000) + "]".repeat(99_999))).toBe(false);
});
