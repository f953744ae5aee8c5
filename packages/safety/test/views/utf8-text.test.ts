import * as fc from "fast-check";
import { expect, test } from "vitest";
import { decodeBase64 } from "../../src/views/base64-bytes.ts";
import { readUtf8 } from "../../src/views/utf8-text.ts";

function decode(encoded: string): string {
  const bytes = decodeBase64(encoded, { from: 0, to: encoded.length, maxBytes: 10_000 });
  return readUtf8(bytes)
    .map(({ char }) => char)
    .join("");
}

test("any text survives UTF-8 and base64 and back", () => {
  fc.assert(
    fc.property(fc.string({ unit: "grapheme" }), (text) => {
      expect(decode(Buffer.from(text).toString("base64"))).toBe(text);
      expect(decode(Buffer.from(text).toString("base64url"))).toBe(text);
    }),
  );
});

test("malformed bytes become replacement characters and hide nothing that follows", () => {
  expect(decode(Buffer.from([0xff, 0x61, 0xe2, 0x82, 0x62, 0xc0, 0x63]).toString("base64"))).toBe(
    "\ufffda\ufffd\ufffdb\ufffdc",
  );
});
