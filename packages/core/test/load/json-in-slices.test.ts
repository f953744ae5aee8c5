import * as fc from "fast-check";
import { describe, expect, test } from "vitest";

import { ConfigError } from "../../src/base/errors.ts";
import { drain } from "../../src/base/sliced-work.ts";
import { parseJsonInSlices } from "../../src/load/json-in-slices.ts";

const parse = (text: string): unknown => drain(parseJsonInSlices(text, "server")).value;

function issueOf(text: string): unknown {
  try {
    return parse(text);
  } catch (error) {
    return error instanceof ConfigError ? error.issues : error;
  }
}

const document = fc.oneof(
  fc.record({ apiVersion: fc.string(), policies: fc.array(fc.jsonValue()), tools: fc.jsonValue() }),
  fc.record({ tools: fc.jsonValue(), policies: fc.jsonValue() }),
  fc.dictionary(fc.string(), fc.jsonValue()),
  fc.jsonValue(),
);

describe("a JSON text is parsed in steps to what JSON.parse makes of it", () => {
  test("however it is written", () => {
    fc.assert(
      fc.property(document, fc.constantFrom("", " ", "\t", "\n  "), (value, space) => {
        const text = `${space}${JSON.stringify(value, undefined, space)}${space}`;
        expect(parse(text)).toEqual(JSON.parse(text));
      }),
      { numRuns: 2_000 },
    );
  });

  test("also where it is not JSON", () => {
    fc.assert(
      fc.property(
        document,
        fc.nat(),
        fc.constantFrom("", '"', "]", "}", ",", ":", "[", "{"),
        (value, at, put) => {
          const text = JSON.stringify({ policies: [{ id: "a" }, { id: 'b"]' }], value });
          const cut = at % text.length;
          const broken = text.slice(0, cut) + put + text.slice(cut + 1);
          const expected = outcomeOf(() => JSON.parse(broken) as unknown);
          const { value: found, memberCount } = outcomeOf(() => drain(parseJsonInSlices(broken, "s"))) ?? {};
          // With one name twice JSON.parse takes the later one, and so does this or nobody: loading refuses it.
          const isDoubled = expected !== undefined && memberCount !== membersIn(expected);
          expect(isDoubled ? expected : found).toEqual(expected);
        },
      ),
      { numRuns: 3_000 },
    );
  });

  test.each([
    '{"policies":[]}',
    '{"policies":[ ]}',
    '{"a":{"policies":[1]},"policies":[{"policies":[2]},"]",3]}',
    '{"a":"policies","policies":[1]}',
    '{"policies":[1],"policies":[2,3]}',
    '{"policies":[1],"policies":7}',
    '{"policies":{"a":[1]}}',
    String.raw`{"policies":["\\\"]","\\"]}`,
    "[]",
    "null",
  ])("%s", (text) => {
    expect(parse(text)).toEqual(JSON.parse(text));
  });
});

test("a text that is not JSON is refused with its place, and never quoted", () => {
  expect(issueOf('{"policies":[{"id":"a"},{"key":hunter2}]}')).toEqual([
    expect.objectContaining({ path: "policies[1]", message: "is not JSON" }),
  ]);
  expect(issueOf('{\n "policies": [] "hunter2"\n}')).toEqual([
    expect.objectContaining({ path: "line 2, column 17", message: "is not JSON" }),
  ]);
  for (const text of ['{"policies":[hunter2]}', "hunter2", '{"a":hunter2}'])
    expect(JSON.stringify(issueOf(text))).not.toContain("hunter");
});

test("a long text is parsed in many steps", () => {
  const policies = Array.from({ length: 2_000 }, (_, at) => ({ id: `p${at}`, blocking: [] }));
  const work = parseJsonInSlices(JSON.stringify({ policies }), "server");
  let steps = 0;
  while (work.next().done !== true) steps++;
  expect(steps).toBeGreaterThan(10);
});

function outcomeOf<T>(work: () => T): T | undefined {
  try {
    return work();
  } catch {
    return undefined;
  }
}

function membersIn(value: unknown): number {
  if (typeof value !== "object" || value === null) return 0;
  const own = Array.isArray(value) ? 0 : Object.keys(value).length;
  return Object.values(value).reduce<number>((sum, member) => sum + membersIn(member), own);
}
