import * as fc from "fast-check";
import { expect, test } from "vitest";

import type { JsonValue } from "../../src/base/json.ts";
import { getPath, replaceStrings, visitStrings } from "../../src/context/content.ts";
import { hasOpaque, snapshot, thaw } from "../../src/context/snapshot.ts";
import { looseParts } from "./frozen.ts";

function visited(value: JsonValue): readonly (readonly [string, string, string | undefined])[] {
  const seen: [string, string, string | undefined][] = [];
  visitStrings(value, (text, path, key) => seen.push([text, path, key]));
  return seen;
}

test("visits every text and every member name, with where it is", () => {
  expect(visited(snapshot({ a: ["x", { "b c": "y" }], n: 1 }))).toStrictEqual([
    ["a", "$.a", undefined],
    ["x", "$.a[0]", undefined],
    ["b c", '$.a[1]["b c"]', undefined],
    ["y", '$.a[1]["b c"]', "b c"],
    ["n", "$.n", undefined],
  ]);
  expect(visited("root")).toStrictEqual([["root", "$", undefined]]);
});

test("visits a whole number that is long enough for a card or an account as its digits, and no other", () => {
  expect(
    visited(snapshot([4_111_111_111_111_111, -100_000_000, 99_999_999, 1e8 + 0.5, Number.MAX_VALUE])),
  ).toStrictEqual([
    ["4111111111111111", "$[0]", undefined],
    ["-100000000", "$[1]", undefined],
    ["1.7976931348623157e+308", "$[4]", undefined],
  ]);
});

test("gives paths at which the texts are found again", () => {
  fc.assert(
    fc.property(fc.jsonValue(), (value) => {
      const taken = snapshot(value);
      const members = visited(taken).filter(([, , key]) => key !== undefined);
      const found = members.map(([, path]) => getPath(taken, path));
      expect(found.map((one) => (typeof one === "number" ? String(one) : one))).toStrictEqual(
        members.map(([text]) => text),
      );
    }),
  );
});

test("does not look into what is not JSON", () => {
  expect(visited(snapshot([new Date(0)]))).toStrictEqual([]);
});

test("keeps the very value when no text changes", () => {
  fc.assert(
    fc.property(fc.jsonValue(), (value) => {
      const taken = snapshot(value);
      expect(replaceStrings(taken, (text) => text)).toBe(taken);
    }),
  );
});

test("builds new frozen objects where a text changes, shares the rest, and never touches the original", () => {
  fc.assert(
    fc.property(fc.jsonValue(), (value) => {
      const taken = snapshot(value);
      const before = JSON.stringify(taken);
      const next = replaceStrings(taken, (text) => (text.includes("a") ? `<${text}>` : text));
      expect(JSON.stringify(taken)).toBe(before);
      expect(looseParts(next)).toStrictEqual([]);
      expect(snapshot(next)).toBe(next);
    }),
  );
  const taken = snapshot({ same: { x: 1 }, text: "a" });
  const next = replaceStrings(taken, () => "b");
  expect(JSON.stringify(next)).toBe('{"b":{"b":1},"b_2":"b"}');
  const half = replaceStrings(taken, (text, _path, key) => (key === "text" ? "b" : text));
  expect(getPath(half, "$.same")).toBe(getPath(taken, "$.same"));
});

test("keeps every member when many names become one", () => {
  const many = snapshot(Object.fromEntries(Array.from({ length: 20_000 }, (_, at) => [`k${at}`, at])));
  const next = replaceStrings(many, () => "k") as object;
  expect(Object.keys(next)).toHaveLength(20_000);
  expect(Object.values(next)).toStrictEqual(Object.values(many as object));
});

test("does not let a changed name overwrite a member that has it already", () => {
  const next = replaceStrings(snapshot({ a: 1, b: 2, b_2: 3 }), (text) => (text === "a" ? "b" : text));
  expect(next).toStrictEqual(snapshot({ b: 1, b_2: 2, b_2_2: 3 }));
});

test("keeps opaque values through a change beside them", () => {
  const when = new Date(0);
  const next = replaceStrings(snapshot({ list: [when, "old"] }), (text) => (text === "old" ? "new" : text));
  expect(hasOpaque(next)).toBe(true);
  const [kept, text] = (thaw(next) as { list: [Date, string] }).list;
  expect(kept).toBe(when);
  expect(text).toBe("new");
});

test("does not take a value that is no snapshot for one after a change", () => {
  const mutable = { a: "x", inner: { b: 1 } };
  const next = replaceStrings(mutable, (text) => text.toUpperCase());
  expect(snapshot(next)).not.toBe(next);
});
