import { randomBytes } from "node:crypto";
import { expect, it } from "vitest";

import { aesSeal } from "../../src/node/aes-seal.ts";

const KEY = randomBytes(32).toString("base64");

it("opens what it sealed, for that purpose alone, and seals nothing twice alike", () => {
  const seal = aesSeal(KEY);
  const sealed = seal.seal("grüße \u{1F600}", "apr_1");
  expect(seal.open(sealed, "apr_1")).toBe("grüße \u{1F600}");
  expect(seal.seal("grüße \u{1F600}", "apr_1")).not.toBe(sealed);
  expect(() => seal.open(sealed, "apr_2")).toThrow("something else");
  expect(seal.open(seal.seal("", ""), "")).toBe("");
});

it("does not open what was changed, cut, or sealed with another key", () => {
  const seal = aesSeal(KEY);
  const sealed = seal.seal("text", "p");
  // The last digit of base64 may hold bits that say nothing.
  for (let at = 0; at < sealed.length - 1; at++) {
    const changed = sealed.slice(0, at) + (sealed[at] === "A" ? "B" : "A") + sealed.slice(at + 1);
    expect(() => seal.open(changed, "p")).toThrow("cannot be opened");
    expect(() => seal.open(sealed.slice(0, at), "p")).toThrow("cannot be opened");
  }
  expect(() => aesSeal(randomBytes(32).toString("base64")).open(sealed, "p")).toThrow("cannot be opened");
});

it("opens with older keys, and seals with the first", () => {
  const newer = randomBytes(32).toString("base64url");
  expect(aesSeal(newer, KEY).open(aesSeal(KEY).seal("text", "p"), "p")).toBe("text");
  expect(() => aesSeal(KEY).open(aesSeal(newer, KEY).seal("text", "p"), "p")).toThrow("cannot be opened");
});

it.each(
  [["", "too short", randomBytes(31).toString("base64"), randomBytes(33).toString("base64"), 7]].flat(),
)("refuses the key %j without showing it", (key) => {
  // @ts-expect-error -- what a caller without types may pass
  expect(() => aesSeal(key)).toThrow(
    "aesSeal: a key must be 32 bytes in base64; make one with: openssl rand -base64 32",
  );
});
