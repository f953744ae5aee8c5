import * as fc from "fast-check";
import { expect, test } from "vitest";

import { compileGlob } from "../../src/base/glob.ts";

/** What a glob means, written so that it cannot be wrong. */
function isMatch(pattern: string, value: string): boolean {
  const [char, ...rest] = pattern;
  if (char === undefined) return value === "";
  if (char === "*")
    return isMatch(rest.join(""), value) || (value !== "" && isMatch(pattern, value.slice(1)));
  return value !== "" && (char === "?" || char === value[0]) && isMatch(rest.join(""), value.slice(1));
}

test("matches what its definition matches", () => {
  const patterns = fc.string({ unit: fc.constantFrom("a", "b", "*", "?"), maxLength: 8 });
  const values = fc.string({ unit: fc.constantFrom("a", "b"), maxLength: 10 });
  fc.assert(
    fc.property(patterns, values, (pattern, value) => {
      expect(compileGlob(pattern)(value)).toBe(isMatch(pattern, value));
    }),
    { numRuns: 2_000 },
  );
});

test("a long value and a pattern of many stars or a long run take one pass", () => {
  const value = "a".repeat(2_000_000);
  // Of the processor, not of the wall: a busy machine must not make it longer.
  const started = process.cpuUsage();
  expect(compileGlob(`*${"a".repeat(500)}b*`)(value)).toBe(false);
  expect(compileGlob(`*${"a*".repeat(200)}b`)(value)).toBe(false);
  expect(compileGlob(`*${"a*".repeat(200)}`)(value)).toBe(true);
  // Position by position, the first alone takes more than ten seconds.
  expect(process.cpuUsage(started).user / 1_000).toBeLessThan(3_000);
});
