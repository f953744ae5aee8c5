import { celEnv, isCelError, parse, plan, type CelInput } from "@bufbuild/cel";
import * as fc from "fast-check";
import { RE2JS } from "re2js";
import { expect, test } from "vitest";

import { createCel } from "../../src/cel/index.ts";
import { toCel } from "../../src/cel/cel-value.ts";
import { CEL_VARIABLES, valueOf, type CelVariable } from "../../src/cel/variables.ts";
import type { JsonValue } from "../../src/base/json.ts";
import { contextOf, sessionOf } from "./contexts.ts";
import { boolExpression } from "./expression-arbitrary.ts";

const oracle = celEnv({
  re2: { compile: (pattern) => ({ test: (text) => RE2JS.compile(pattern).test(text) }) },
});
const cel = createCel();

type Verdict = boolean | "error";

function ours(expression: string, input: JsonValue): Verdict {
  const compiled = cel.compile(expression);
  try {
    return compiled(contextOf(input), sessionOf());
  } catch {
    return "error";
  }
}

function theirs(expression: string, input: JsonValue): Verdict {
  const bindings: Record<string, CelInput> = {};
  for (const name of Object.keys(CEL_VARIABLES) as CelVariable[]) {
    const value = valueOf(name, contextOf(input), sessionOf());
    // Maps, lists and scalars of ours are among the oracle's inputs.
    if (value !== undefined) bindings[name] = value as CelInput;
  }
  const result = plan(oracle, parse(expression))(bindings);
  // A condition whose value is no bool is an error for us: it must not pass as either.
  return !isCelError(result) && typeof result === "boolean" ? result : "error";
}

const content: fc.Arbitrary<JsonValue> = fc.record(
  {
    amount: fc.oneof(fc.integer({ min: -3, max: 700 }), fc.constantFrom(600, 0)),
    ratio: fc.oneof(fc.constantFrom(0.5, 1.5, -2.5), fc.integer({ min: 0, max: 3 })),
    name: fc.oneof(fc.constantFrom("a", "prod", "x😀y", "\uFF5E", "aaaa!"), fc.integer()),
    flag: fc.oneof(fc.boolean(), fc.constant("yes")),
    nothing: fc.constant(null),
    // Never null: the oracle denies has() of a null member, against the specification ("is a key in the map").
    nested: fc.record({ deep: fc.constantFrom(1, "a") }, { requiredKeys: [] }),
    items: fc.array(fc.oneof(fc.integer({ min: 0, max: 9 }), fc.constantFrom("a", 1.5, null)), {
      maxLength: 4,
    }),
    words: fc.array(fc.constantFrom("a", "ab", "prod"), { maxLength: 4 }),
    empty: fc.constant([]),
    rows: fc.array(
      fc.record({ price: fc.integer({ min: 0, max: 5 }), tags: fc.constantFrom(["a"], [], ["b", ""]) }),
      {
        maxLength: 3,
      },
    ),
  },
  { requiredKeys: ["amount", "items"] },
);

test("answers as the reference implementation does, errors included, over exactly the admitted grammar", () => {
  const seen = { true: 0, false: 0, error: 0 };
  fc.assert(
    fc.property(boolExpression, content, (expression, input) => {
      const answer = ours(expression, input);
      expect(answer).toBe(theirs(expression, input));
      seen[`${answer}`]++;
    }),
    { numRuns: 3_000 },
  );
  // The grammar must reach every kind of answer often, or the comparison shows little.
  expect(Math.min(seen.true, seen.false, seen.error)).toBeGreaterThan(200);
});

test("turns whole numbers into int and others into double, at any depth", () => {
  expect(toCel({ a: [1, 1.5, { b: -0 }] })).toEqual(new Map([["a", [1n, 1.5, new Map([["b", 0n]])]]]));
});
