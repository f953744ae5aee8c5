import * as fc from "fast-check";
import { expect, test } from "vitest";

import { isEmptyList, listCovers } from "../../src/load/pattern-cover.ts";
import { compilePatterns } from "../../src/policy/compile-selector.ts";

const pattern = fc
  .tuple(fc.boolean(), fc.string({ unit: fc.constantFrom("a", "b", "*", "?"), minLength: 1, maxLength: 4 }))
  .map(([isExclusion, text]) => (isExclusion ? `!${text}` : text));
const list = fc.array(pattern, { minLength: 1, maxLength: 3 });
const value = fc.string({ unit: fc.constantFrom("a", "b", "c"), maxLength: 5 });

test("a list that is said to cover another matches everything the other does", () => {
  let covers = 0;
  fc.assert(
    fc.property(list, list, value, (outer, inner, text) => {
      if (!listCovers(outer, inner) || !compilePatterns(inner).matches(text)) return;
      covers++;
      expect(compilePatterns(outer).matches(text)).toBe(true);
    }),
    { numRuns: 10_000 },
  );
  expect(covers).toBeGreaterThan(20);
});

function isWrong(patterns: readonly string[], text: string): boolean {
  return isEmptyList(patterns) && compilePatterns(patterns).matches(text);
}

test("a list that is said to be empty matches nothing", () => {
  fc.assert(
    fc.property(list, value, (patterns, text) => {
      expect(isWrong(patterns, text)).toBe(false);
    }),
    { numRuns: 2_000 },
  );
});

test("a list covers itself, what it spells out, and nothing that it excludes", () => {
  expect(listCovers(["a*", "!ab"], ["a*", "!ab"])).toBe(true);
  expect(listCovers(["a*"], ["abc", "a?c"])).toBe(true);
  expect(listCovers(["a*", "!ab"], ["ab"])).toBe(false);
  expect(listCovers(undefined, ["a"])).toBe(true);
  expect(listCovers(["a"], undefined)).toBe(false);
});
