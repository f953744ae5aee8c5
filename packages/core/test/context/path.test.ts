import * as fc from "fast-check";
import { describe, expect, test } from "vitest";

import { getPath, parsePath, setPath } from "../../src/context/content.ts";
import { memberPath } from "../../src/context/path.ts";
import { snapshot } from "../../src/context/snapshot.ts";
import { looseParts } from "./frozen.ts";

const content = snapshot({ a: { b: [{ c: 1 }, 2] }, "x y": 3, other: { d: 4 } });

test.for([
  ["$", []],
  ["$.a", ["a"]],
  ["$.a[0].b", ["a", 0, "b"]],
  ['$["x y"].z', ["x y", "z"]],
  ['$["a\\"]b"]', ['a"]b']],
  ["$.user-name", ["user-name"]],
] as const)("reads %s", ([path, segments]) => {
  expect(parsePath(path)).toStrictEqual(segments);
});

test.for([
  "",
  "a",
  "$a",
  "$.",
  "$..a",
  "$.a.",
  "$[",
  "$[-1]",
  "$[1.5]",
  "$[a]",
  "$['a']",
  '$["a]',
  '$["\\x"]',
  "$.a[0]b",
  "$[99999999999]",
  " $",
])("takes %j for no path", (path) => {
  expect(parsePath(path)).toBeUndefined();
  expect(getPath(content, path)).toBeUndefined();
  expect(setPath(content, path, 1)).toBeUndefined();
});

test("reads back every path it writes, whatever the names are", () => {
  fc.assert(
    fc.property(fc.array(fc.oneof(fc.string({ unit: "binary" }), fc.nat(1_000))), (segments) => {
      expect(parsePath(segments.reduce<string>(memberPath, "$"))).toStrictEqual(segments);
    }),
  );
});

describe("getPath", () => {
  test("finds members and items", () => {
    expect(getPath(content, "$")).toBe(content);
    expect(getPath(content, "$.a.b[0].c")).toBe(1);
    expect(getPath(content, '$["x y"]')).toBe(3);
  });

  test.for([
    "$.nothing",
    "$.a.b[7]",
    "$.a[0]",
    '$.a["0"]',
    '$.a.b["length"]',
    "$.a.b.length",
    '$["x y"].z',
    "$.toString",
    "$.__proto__",
  ])("finds nothing at %s", (path) => {
    expect(getPath(content, path)).toBeUndefined();
    expect(getPath({ ordinary: 1 }, path)).toBeUndefined();
  });
});

describe("setPath", () => {
  test("builds new objects along the path, shares the rest, and leaves the original as it was", () => {
    const before = JSON.stringify(content);
    const next = setPath(content, "$.a.b[0].c", "new")!;
    expect(JSON.stringify(next)).toBe('{"a":{"b":[{"c":"new"},2]},"x y":3,"other":{"d":4}}');
    expect(getPath(next, "$.other")).toBe(getPath(content, "$.other"));
    expect(looseParts(next)).toStrictEqual([]);
    expect(JSON.stringify(content)).toBe(before);
  });

  test("replaces the whole, adds a last member, and keeps the same value when nothing changes", () => {
    expect(setPath(content, "$", 5)).toBe(5);
    expect(getPath(setPath(content, "$.a.added", true)!, "$.a.added")).toBe(true);
    expect(setPath(content, "$.a.b[1]", 2)).toBe(content);
  });

  test.for(["$.no.where", "$.a.b[2]", "$.a.b.c", "$.a[0]", '$["x y"].z', "$.a.b[0].c.d"])(
    "cannot resolve %s",
    (path) => {
      expect(setPath(content, path, 1)).toBeUndefined();
    },
  );

  test.for([
    "$.__proto__",
    "$.a.__proto__.polluted",
    '$["constructor"].prototype',
    "$.prototype",
    "$.a.constructor",
  ])("refuses %s", (path) => {
    const hostile = snapshot(
      JSON.parse(
        '{"a":{"__proto__":{},"constructor":{}},"__proto__":{},"constructor":{"prototype":{}},"prototype":1}',
      ),
    );
    expect(setPath(hostile, path, { polluted: true })).toBeUndefined();
    expect(({} as Record<string, unknown>)["polluted"]).toBeUndefined();
  });
});
