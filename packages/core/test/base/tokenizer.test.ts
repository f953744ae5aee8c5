import * as fc from "fast-check";
import { expect, test } from "vitest";

import { byteTokenizer, utf8Length } from "../../src/base/tokenizer.ts";

test("counts UTF-8 bytes as an encoder does", () => {
  fc.assert(
    fc.property(
      fc.string({ unit: fc.oneof(fc.constantFrom("a", "é", "€", "😀", "\ud800", "\udc00")) }),
      (text) => {
        expect(utf8Length(text)).toBe(new TextEncoder().encode(text).length);
      },
    ),
  );
});

test("takes three bytes for a token, rounded up", () => {
  const model = { name: "any" };
  expect(byteTokenizer.countTokens("", model)).toBe(0);
  expect(byteTokenizer.countTokens("abcd", model)).toBe(2);
  expect(byteTokenizer.countTokens("😀", model)).toBe(2);
});
