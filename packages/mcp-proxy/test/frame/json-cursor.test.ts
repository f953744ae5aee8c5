import * as fc from "fast-check";
import { describe, expect, test } from "vitest";

import { JsonCursor } from "../../src/frame/json-cursor.ts";

/** A value as JSON with as much room between its parts as the grammar allows. */
const spaced = fc
  .tuple(fc.jsonValue({ maxDepth: 4, stringUnit: "binary" }), fc.constantFrom("", " ", "\n", "\t", "\r\n  "))
  .map(([value, room]): [string, unknown] => [
    room + JSON.stringify(value, undefined, room.trim() === room ? undefined : room) + room,
    // A zero has no sign in JSON.
    JSON.parse(JSON.stringify(value)),
  ]);

/** Every path of names and positions in a value. */
function pathsOf(value: unknown): (string | number)[][] {
  if (typeof value !== "object" || value === null) return [[]];
  const steps: [string | number, unknown][] = Array.isArray(value)
    ? [...value.entries()]
    : Object.entries(value);
  return [[], ...steps.flatMap(([step, inner]) => pathsOf(inner).map((rest) => [step, ...rest]))];
}

const at = (value: unknown, path: readonly (string | number)[]): unknown =>
  path.reduce<unknown>((inner, step) => (inner as Record<string, unknown>)[step], value);

describe("the walk over a text", () => {
  test("finds every value where it stands, and no problem in what JSON.stringify has written (property)", () => {
    fc.assert(
      fc.property(spaced, ([text, value]) => {
        const cursor = new JsonCursor(text, 128);
        expect(cursor.problem()).toBeUndefined();
        for (const path of pathsOf(value)) {
          const { start = 0, end = 0 } = cursor.find(path) ?? {};
          expect(JSON.parse(text.slice(start, end))).toStrictEqual(at(value, path));
        }
      }),
      { numRuns: 300 },
    );
  });

  test.each([
    ['{"a":1,"a":2}', "duplicate_key"],
    ['{"a":1,"\\u0061":2}', "duplicate_key"],
    ['{ "x" : [ 1 , { "b" : true , "b" : null } ] }', "duplicate_key"],
    ['{"params":{"name":"a","Name":"b"}}', "ambiguous_key"],
    [`${"[".repeat(200)}1${"]".repeat(200)}`, "too_deep"],
  ])("tells what is wrong with %s", (text, problem) => {
    expect(new JsonCursor(text, 128).problem()).toBe(problem);
  });

  test.each(["-0.5e+10", "1E5", "true", "null", '"a\\\\"', '"\\""', "12345678901234567890"])(
    "takes the scalar %s whole, at the end of the text and before what follows",
    (scalar) => {
      for (const text of [scalar, ` ${scalar} `]) {
        const { start = 0, end = 0 } = new JsonCursor(text).find([]) ?? {};
        expect(text.slice(start, end)).toBe(scalar);
      }
      const list = `[${scalar},${scalar} ,{"a":${scalar}}]`;
      expect(new JsonCursor(list).items()).toHaveLength(3);
      const { start = 0, end = 0 } = new JsonCursor(list).find([2, "a"]) ?? {};
      expect(list.slice(start, end)).toBe(scalar);
    },
  );
});
