import * as fc from "fast-check";
import { describe, expect, it } from "vitest";

import { remembered } from "../src/content/remembered.ts";

const circle: unknown[] = [];
circle.push(circle);
class Row {
  readonly name = "a";
}
const row = new Row();

describe("data that was remembered", () => {
  it("is the same as a copy of it, and as itself while nothing changes", () => {
    fc.assert(
      fc.property(fc.jsonValue(), (value) => {
        const isSame = remembered(value);
        expect([isSame(value), isSame(structuredClone(value))]).toStrictEqual([true, true]);
      }),
    );
  });

  it("is another once something in it was changed in place, wherever that is", () => {
    fc.assert(
      fc.property(fc.jsonValue(), fc.array(fc.nat(3), { maxLength: 4 }), (value, way) => {
        const holder: Record<string, unknown> = { value };
        const isSame = remembered(holder);
        let [at, name] = [holder, "value"];
        for (const step of way) {
          const inside = at[name];
          if (typeof inside !== "object" || inside === null) break;
          const names = Object.keys(inside);
          if (names.length === 0) break;
          [at, name] = [inside as Record<string, unknown>, names[step % names.length] ?? ""];
        }
        at[name] = "other, bob@example.com";
        expect(isSame(holder)).toBe(false);
      }),
    );
  });

  it.each([
    ["more members", {}, { a: 1 }],
    ["fewer members", { a: 1 }, {}],
    ["a member of another name", { a: undefined }, { b: undefined }],
    ["a list in the place of an object", { 0: "a" }, ["a"]],
    ["an object in the place of a list", ["a"], { 0: "a" }],
    ["a longer list", ["a"], ["a", "b"]],
    ["a shorter list", ["a", "b"], ["a"]],
    ["another instance of a class", row, new Row()],
    ["a circle, which no rule can read", circle, circle],
  ])("is another with %s", (_, before, after) => {
    expect(remembered(before)(after)).toBe(false);
  });

  it("is the same with the very same instance of a class, into which no rule looks", () => {
    expect(remembered({ row })({ row })).toBe(true);
  });

  it("is gone through once, however many ways lead to it", () => {
    const tangled = (): unknown[] => {
      let list: unknown[] = ["a"];
      for (let level = 0; level < 60; level++) list = [list, list];
      return list;
    };
    const before = tangled();
    expect([remembered(before)(before), remembered(before)(tangled())]).toStrictEqual([true, true]);
  });

  it("is another where it holds itself in two members, without a search of all ways", () => {
    const loop: Record<string, unknown> = {};
    Object.assign(loop, { a: loop, b: loop });
    expect(remembered(loop)(loop)).toBe(false);
  });
});
