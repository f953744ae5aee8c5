import { describe, expect, test } from "vitest";

import { canonicalJson } from "../../src/base/canonical-json.ts";

// Every figure here is of RFC 8785, not of this package: appendix B and sections 3.2.2 to 3.2.4.

const NUMBERS: readonly (readonly [bits: string, text: string])[] = [
  ["0000000000000000", "0"],
  ["8000000000000000", "0"],
  ["0000000000000001", "5e-324"],
  ["8000000000000001", "-5e-324"],
  ["7fefffffffffffff", "1.7976931348623157e+308"],
  ["ffefffffffffffff", "-1.7976931348623157e+308"],
  ["4340000000000000", "9007199254740992"],
  ["c340000000000000", "-9007199254740992"],
  ["4430000000000000", "295147905179352830000"],
  ["44b52d02c7e14af5", "9.999999999999997e+22"],
  ["44b52d02c7e14af6", "1e+23"],
  ["44b52d02c7e14af7", "1.0000000000000001e+23"],
  ["444b1ae4d6e2ef4e", "999999999999999700000"],
  ["444b1ae4d6e2ef4f", "999999999999999900000"],
  ["444b1ae4d6e2ef50", "1e+21"],
  ["3eb0c6f7a0b5ed8c", "9.999999999999997e-7"],
  ["3eb0c6f7a0b5ed8d", "0.000001"],
  ["41b3de4355555553", "333333333.3333332"],
  ["41b3de4355555554", "333333333.33333325"],
  ["41b3de4355555555", "333333333.3333333"],
  ["41b3de4355555556", "333333333.3333334"],
  ["41b3de4355555557", "333333333.33333343"],
  ["becbf647612f3696", "-0.0000033333333333333333"],
  ["43143ff3c1cb0959", "1424953923781206.2"],
];

function ofBits(bits: string): number {
  return Buffer.from(bits, "hex").readDoubleBE();
}

describe("canonical JSON is that of RFC 8785", () => {
  test.each(NUMBERS)("the number %s is written %s", (bits, text) => {
    expect(canonicalJson(ofBits(bits))).toBe(text);
  });

  test.each(["7fffffffffffffff", "7ff0000000000000", "fff0000000000000"])("%s is refused", (bits) => {
    expect(() => canonicalJson(ofBits(bits))).toThrow(expect.objectContaining({ code: "content_refused" }));
  });

  test("keys are sorted by UTF-16 unit, so that a surrogate comes before what is above it", () => {
    const text = canonicalJson({
      "\u20ac": "Euro Sign",
      "\r": "Carriage Return",
      "\ufb33": "Hebrew Letter Dalet With Dagesh",
      "1": "One",
      "\ud83d\ude00": "Emoji: Grinning Face",
      "\u0080": "Control",
      "\u00f6": "Latin Small Letter O With Diaeresis",
    });
    const names = [
      "Carriage Return",
      "One",
      "Control",
      "Latin Small Letter O With Diaeresis",
      "Euro Sign",
      "Emoji: Grinning Face",
      "Hebrew Letter Dalet With Dagesh",
    ];
    // A parser puts "1" first again: told by where each stands in the text.
    expect(names.toSorted((a, b) => text.indexOf(a) - text.indexOf(b))).toStrictEqual(names);
    expect(text.startsWith(String.raw`{"\r":"Carriage Return","1":"One",`)).toBe(true);
  });

  test("the sample of section 3.2.2 has the bytes of section 3.2.4", () => {
    const sample: unknown = JSON.parse(String.raw`{
      "numbers": [333333333.33333329, 1E30, 4.50, 2e-3, 0.000000000000000000000000001],
      "string": "\u20ac$\u000F\u000aA'\u0042\u0022\u005c\\\"\/",
      "literals": [null, true, false]
    }`);
    expect(Buffer.from(canonicalJson(sample)).toString("hex")).toBe(
      [
        "7b226c69746572616c73223a5b6e756c6c2c7472",
        "75652c66616c73655d2c226e756d62657273223a",
        "5b3333333333333333332e333333333333332c31",
        "652b33302c342e352c302e3030322c31652d3237",
        "5d2c22737472696e67223a22e282ac245c753030",
        "30665c6e4127425c225c5c5c5c5c222f227d",
      ].join(""),
    );
  });
});
