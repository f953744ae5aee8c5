import { describe, expect, test } from "vitest";

import { ConfigError } from "../../src/base/errors.ts";
import type { JsonValue } from "../../src/base/json.ts";
import { drain } from "../../src/base/sliced-work.ts";
import { IssueList } from "../../src/load/issue-list.ts";
import { readInSlices } from "../../src/load/read-document.ts";

function readDocument(value: unknown, issues: IssueList): JsonValue | undefined {
  return drain(readInSlices(value, issues)).copy;
}

/** The paths and messages of what was refused. */
function refusals(value: unknown): readonly string[] {
  const issues = new IssueList();
  readDocument(value, issues);
  try {
    issues.throwIfAny("test");
  } catch (error) {
    if (error instanceof ConfigError) return error.issues.map(({ path, message }) => `${path}: ${message}`);
    throw error;
  }
  return [];
}

function nested(depth: number): unknown {
  let value: unknown = 1;
  for (let i = 0; i < depth; i++) value = { a: value };
  return value;
}

describe("a configuration that is no plain data", () => {
  test("with forbidden names is refused, and no prototype is touched", () => {
    const hostile: unknown = JSON.parse(
      '{"a":{"__proto__":{"isPolluted":true}},"constructor":1,"x.prototype.y":2}',
    );
    expect(refusals(hostile)).toEqual([
      "a.__proto__: is a forbidden name (__proto__, constructor, prototype)",
      "constructor: is a forbidden name (__proto__, constructor, prototype)",
      '["x.prototype.y"]: is a forbidden name (__proto__, constructor, prototype)',
    ]);
    expect(Object.hasOwn(Object.prototype, "isPolluted")).toBe(false);
  });

  test("with a path through a forbidden name is refused", () => {
    for (const path of ["$.a.__proto__.b", "$.constructor", '$["prototype"]', "$[0].__proto__"]) {
      expect(refusals({ path })).toEqual([
        "path: is a path through a forbidden name (__proto__, constructor, prototype)",
      ]);
    }
    expect(refusals({ path: "$.constructors.a", text: "the constructor is fine in prose" })).toEqual([]);
  });

  test("that contains itself is refused", () => {
    const circle: Record<string, unknown> = {};
    circle["self"] = [circle];
    expect(refusals(circle)).toEqual(["self[0]: contains itself"]);
  });

  test("that is nested too deeply is refused without exhausting the stack", () => {
    expect(refusals(nested(60))).toEqual([]);
    expect(refusals(nested(100_000))).toEqual([": is nested deeper than 64 levels"]);
  });

  test("of 10 MB is refused, and so is a small one that unfolds into one", () => {
    expect(refusals({ text: "x".repeat(10_000_000) })).toEqual([": is larger than 8 MiB"]);
    let folded: unknown = "lol".repeat(10);
    for (let i = 0; i < 12; i++) folded = Array.from({ length: 10 }, () => folded);
    expect(refusals(folded)).toEqual([": is larger than 8 MiB"]);
  });

  test.each([
    ["a function", () => 1, "a function"],
    ["a bigint", 1n, "a bigint"],
    ["a date", new Date(0), "a Date"],
    ["a map", new Map(), "a Map"],
  ])("with %s in it is refused", (_name, value, words) => {
    expect(refusals({ value })).toEqual([`value: must be plain data, not ${words}`]);
  });

  test("with a getter that throws is refused without its words", () => {
    const trap = {
      get a(): never {
        throw new Error("secret");
      },
    };
    expect(refusals(trap)).toEqual([": could not be read: a getter or a proxy in it failed"]);
  });
});

describe("a configuration that is plain data", () => {
  test("is copied, absent members left out, objects of other realms taken as what they are", () => {
    const value = Object.assign(Object.create(null) as object, { a: [1, { b: undefined, c: null }] });
    expect(readDocument(value, new IssueList())).toEqual({ a: [1, { c: null }] });
  });

  test("has each getter read once", () => {
    let reads = 0;
    const value = {
      get a() {
        return ++reads;
      },
    };
    expect(readDocument(value, new IssueList())).toEqual({ a: 1 });
    expect(reads).toBe(1);
  });
});
