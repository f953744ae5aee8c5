import { CfWorkerJsonSchemaValidator } from "@modelcontextprotocol/client/validators/cf-worker";
import * as fc from "fast-check";
import { describe, expect, test } from "vitest";

import type { JsonRecord } from "../src/frame/json.ts";
import { withWords, wordsOf } from "../src/lists/item-words.ts";

/** Some of these rules take away. */
const WORDS = ["a", "b", "a@example.com", "b@example.com", "x y"];
const word = fc.constantFrom(...WORDS);
const names = fc.uniqueArray(word, { minLength: 1, maxLength: 3 });

const { value } = fc.letrec<{ value: unknown }>((tie) => ({
  value: fc.oneof(
    { depthSize: "small", withCrossShrink: true },
    fc.constantFrom<unknown>(1, true, ...WORDS),
    fc.array(tie("value"), { maxLength: 3 }),
    fc.dictionary(word, tie("value"), { maxKeys: 3 }),
  ),
}));

const { schema } = fc.letrec<{ schema: JsonRecord }>((tie) => {
  const inner = tie("schema");
  const some = fc.array(inner, { minLength: 1, maxLength: 3 });
  const named = fc.dictionary(word, inner, { minKeys: 1, maxKeys: 3 });
  const leaf = fc.oneof(
    fc.record({ type: fc.constantFrom("string", "object", "array", "number") }),
    fc.record({ const: word }),
    fc.record({ enum: names }),
    fc.record({ required: names }),
    fc.record({ pattern: fc.constantFrom("^a", "@", "example") }),
    fc.record({ $ref: word.map((name) => `#/$defs/${name}`) }),
    fc.record({ dependentRequired: fc.dictionary(word, names, { maxKeys: 2 }) }),
    fc.record({ maxProperties: fc.nat(2), description: word, "x-note": word }),
  );
  const part = fc.oneof(
    leaf,
    fc.record({ properties: named, additionalProperties: fc.constant(false) }),
    fc.record({ patternProperties: named, unevaluatedProperties: fc.constant(false) }),
    fc.record({ properties: named, unevaluatedProperties: fc.constant(false) }),
    fc.record({ oneOf: some }),
    fc.record({ anyOf: some, unevaluatedProperties: fc.constant(false) }),
    fc.record({ allOf: some }),
    fc.record({ not: inner }),
    fc.record({ if: inner, then: inner, else: inner }),
    fc.record({ contains: inner, minContains: fc.nat(1), maxContains: fc.constantFrom(1, 2) }),
    fc.record({ prefixItems: some, items: fc.constant(false) }),
    fc.record({ prefixItems: some, unevaluatedItems: fc.constant(false) }),
    fc.record({ propertyNames: inner, dependentSchemas: named }),
  );
  return {
    schema: fc.oneof(
      { depthSize: "small", withCrossShrink: true },
      leaf,
      fc
        .array(part, { minLength: 1, maxLength: 3 })
        .map((parts) => Object.assign({}, ...parts) as JsonRecord),
    ),
  };
});

/** A schema all of whose references lead somewhere. */
const whole = fc.tuple(schema, fc.tuple(...WORDS.map(() => schema))).map(([own, all]): JsonRecord => ({
  ...own,
  $defs: Object.fromEntries(WORDS.map((name, at) => [name, all[at]])),
}));

const ways = {
  redacted: (text: string): unknown => JSON.parse(text.replaceAll(/[ab]@example\.com/g, "[EMAIL]")),
  withheld: (text: string): unknown => (text.includes("@") ? {} : JSON.parse(text)),
};

function isRight(inputSchema: JsonRecord, input: unknown): boolean {
  try {
    return new CfWorkerJsonSchemaValidator({ draft: "2020-12" }).getValidator(inputSchema)(input).valid;
  } catch {
    // It refers to itself for ever: nothing is right by it.
    return false;
  }
}

type Way = keyof typeof ways;

/** As a client sees it. */
function shown(inputSchema: JsonRecord, way: Way): JsonRecord {
  const item = { name: "t", inputSchema };
  // What is left of words is words, and of a schema a schema.
  const left = wordsOf(item).map(({ words }) => ways[way](JSON.stringify(words)) as JsonRecord);
  return withWords(item, left)["inputSchema"] as JsonRecord;
}

describe.each(["redacted", "withheld"] as const)("a schema of which something is %s", (way) => {
  test("allows whatever it did", () => {
    fc.assert(
      fc.property(whole, value, (inputSchema, input) => {
        fc.pre(isRight(inputSchema, input));
        const left = shown(inputSchema, way);
        expect({ left, isRight: isRight(left, input) }).toStrictEqual({ left, isRight: true });
      }),
      { numRuns: 1_000 },
    );
  });

  test.each<[string, JsonRecord, unknown]>([
    [
      "a property that others may not stand beside",
      { properties: { "a@example.com": {} }, additionalProperties: false },
      { "a@example.com": 1 },
    ],
    [
      "a pattern of names, which would be another one",
      { patternProperties: { "a@example.com": { type: "string" } } },
      { E: 1 },
    ],
    [
      "beside a reference into what must not be",
      {
        properties: { p: { $ref: "#/properties/q/not" }, q: { not: { type: "string" } } },
        $comment: "",
        pattern: "^a@example.com",
      },
      { p: "b" },
    ],
    ["a value of a few", { enum: ["a@example.com", "b"] }, "a@example.com"],
    ["one of two choices", { oneOf: [{ const: "a@example.com" }, { const: "b" }] }, "b"],
    [
      "one of two choices that stand elsewhere",
      {
        oneOf: [{ $ref: "#/$defs/a" }, { $ref: "#/$defs/b" }],
        $defs: { a: { const: "a@example.com" }, b: { const: "b" } },
      },
      "b",
    ],
  ])("allows it where that is %s", (_what, inputSchema, input) => {
    expect(isRight(inputSchema, input)).toBe(true);
    const left = shown(inputSchema, way);
    expect({ left, isRight: isRight(left, input) }).toStrictEqual({ left, isRight: true });
    expect(JSON.stringify(left)).not.toContain("a@");
  });
});
