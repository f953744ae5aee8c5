import * as fc from "fast-check";
import { expect, test } from "vitest";

import { textOfUtf8, utf8Of } from "../../src/base/utf8.ts";

test("a text becomes the bytes of the platform's encoder, and is read back as it was", () => {
  fc.assert(
    fc.property(fc.string({ unit: "binary" }), (text) => {
      expect(Buffer.compare(utf8Of(text), Buffer.from(text))).toBe(0);
      expect(textOfUtf8(utf8Of(text))).toBe(text);
    }),
  );
});

test("reads back a text that is longer than one step", () => {
  const text = "aä€🗑".repeat(5_000);
  expect(textOfUtf8(utf8Of(text))).toBe(text);
});
