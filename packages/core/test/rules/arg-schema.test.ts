import { expect, test } from "vitest";
import { z } from "zod";

import type { JsonValue } from "../../src/base/json.ts";
import { snapshot } from "../../src/context/snapshot.ts";
import { argSchema } from "../../src/rules/arg-schema.ts";
import { rule as factories } from "../../src/rules/rule-factory.ts";
import { answerOf, ask, compileRule, problemsOf, toolCall } from "./compile-rule.ts";

const fits = (schema: object, value: JsonValue): boolean => {
  const rule = compileRule(argSchema, { schema: { properties: { value: schema } } });
  return answerOf(rule, toolCall("t", { value })) === "skip";
};

test("blocks an input that does not fit and has no opinion on one that does", () => {
  const schema = {
    type: "object",
    required: ["amount"],
    properties: { amount: { type: "number", maximum: 500 } },
  };
  const rule = compileRule(argSchema, { tool: "refund", schema });
  expect(answerOf(rule, toolCall("refund", { amount: 500 }))).toBe("skip");
  expect(answerOf(rule, toolCall("refund", { amount: 501 }))).toBe("block");
  expect(answerOf(rule, toolCall("refund", {}))).toBe("block");
  expect(answerOf(rule, toolCall("refund", [1]))).toBe("block");
  expect(answerOf(rule, toolCall("search", {}))).toBe("skip");
});

test("says what is wrong in the schema's words and repeats nothing of the input", () => {
  const schema = { properties: { amount: { maximum: 500 } }, additionalProperties: false };
  const answer = ask(
    compileRule(argSchema, { schema }),
    toolCall("refund", { amount: 99_999, evilname: 1 }),
  )?.answer;
  expect(answer?.reason).toContain("input.amount must be at most 500");
  expect(JSON.stringify(answer)).not.toMatch(/99999|evilname/);
});

test.for<[object, JsonValue, JsonValue]>([
  [{ type: ["string", "null"] }, null, 1],
  [{ type: "integer" }, 3, 3.5],
  [{ enum: ["a", { b: 1 }] }, { b: 1 }, "b"],
  [{ const: 5 }, 5, "5"],
  [{ minimum: -1 }, -1, -2],
  [{ exclusiveMinimum: 0 }, 1, 0],
  [{ exclusiveMaximum: 0 }, -1, 0],
  [{ multipleOf: 0.1 }, 0.3, 0.35],
  [{ minLength: 2 }, "😀a", "😀"],
  [{ maxLength: 1 }, "😀", "ab"],
  [{ items: { type: "string" }, minItems: 1, maxItems: 2 }, ["a"], ["a", 1]],
  [{ maxItems: 1 }, [1], [1, 2]],
  [{ uniqueItems: true }, [1, 2], [{ a: 1 }, { a: 1 }]],
  [{ additionalProperties: { type: "number" } }, { a: 1 }, { a: "x" }],
  [{ additionalProperties: false }, {}, { a: 1 }],
  [{ propertyNames: { maxLength: 2 } }, { ab: 1 }, { abc: 1 }],
  [{ minProperties: 1, maxProperties: 1 }, { a: 1 }, {}],
  [{ anyOf: [{ type: "string" }, { minimum: 5 }] }, 6, 4],
  [{ oneOf: [{ minimum: 0 }, { maximum: 10 }] }, 11, 5],
  [{ allOf: [{ minimum: 0 }, { maximum: 10 }] }, 5, 11],
  [{ not: { type: "string" } }, 1, "x"],
])("checks %j: %j fits and %j does not", ([schema, good, bad]) => {
  expect(fits(schema, good)).toBe(true);
  expect(fits(schema, bad)).toBe(false);
});

/** The parameters that the factory makes of a library's schema. */
function written(schema: Parameters<typeof factories.argSchema>[0]["schema"]): Record<string, unknown> {
  const { rule: _kind, ...params } = factories.argSchema({ schema });
  return params;
}

test("agrees with a schema of zod, which the factory writes down as data", () => {
  const zodSchema = z.strictObject({
    id: z.int().min(1),
    note: z.string().max(5).optional(),
    tags: z.array(z.enum(["a"])),
    sizes: z.record(z.string(), z.number()).default({}),
    kind: z.union([z.literal("x"), z.null()]).optional(),
  });
  const rule = compileRule(argSchema, written(zodSchema));
  const inputs: readonly JsonValue[] = [
    { id: 1, tags: ["a"] },
    { id: 0, tags: [] },
    { id: 1, tags: ["b"] },
    { id: 1, tags: [], note: "too long" },
    { id: 1, tags: [], more: 1 },
    { tags: [] },
    { id: 1, tags: [], sizes: { a: 1 }, kind: null },
    { id: 1, tags: [], sizes: { a: "1" } },
    { id: 1, tags: [], kind: "y" },
  ];
  for (const input of inputs) {
    expect(answerOf(rule, toolCall("t", input))).toBe(zodSchema.safeParse(input).success ? "skip" : "block");
  }
});

test.for<[object, RegExp]>([
  [{ typ: "object" }, /schema\.typ: is not a keyword/],
  [{ properties: { a: { pattern: "(a+)+$" } } }, /schema\.properties\.a\.pattern: is not a keyword/],
  [{ $ref: "#/x" }, /\$ref/],
  [{ type: "text" }, /schema\.type: is not a type/],
  [{ maximum: "5" }, /schema\.maximum: must be a number/],
  [{ required: "a" }, /schema\.required/],
  [{ enum: [] }, /schema\.enum/],
  [{ properties: { a: 5 } }, /schema\.properties\.a/],
])("refuses a schema it would not check wholly: %j", ([schema, problem]) => {
  expect(problemsOf(argSchema, { schema }).join("\n")).toMatch(problem);
});

test.for<[string, z.ZodType, RegExp]>([
  ["a refinement", z.object({ a: z.number().refine((n) => n > 1) }), /properties\.a\.code/],
  [
    "a transform",
    z.object({ a: z.string().transform(Number).pipe(z.number().max(5)) }),
    /properties\.a\.code/,
  ],
  ["what is trimmed first", z.object({ a: z.string().trim().min(1) }), /properties\.a\.code/],
  ["a pattern", z.object({ a: z.email() }), /properties\.a\.format/],
])("refuses a schema of zod with %s, which data cannot say", ([, schema, problem]) => {
  expect(problemsOf(argSchema, written(schema)).join("\n")).toMatch(problem);
});

test("refuses a schema that no JSON Schema can be made of", () => {
  expect(() => written(z.object({ a: z.date() }))).toThrow(/schema: cannot be written as JSON Schema/);
  const old = { "~standard": { vendor: "old", version: 1 } };
  expect(() => Reflect.apply(factories.argSchema, undefined, [{ schema: old }])).toThrow(/use zod 4\.2/);
});

test("says how to give a schema of zod where it stands in plain data", () => {
  expect(problemsOf(argSchema, { schema: z.object({}) }).join("\n")).toMatch(/rule\.argSchema/);
});

test.for<[object, unknown]>([
  [{ maximum: 500 }, Infinity],
  [{ minimum: 0 }, -Infinity],
  [{ maximum: 500 }, NaN],
  [{ not: { type: "number" } }, NaN],
  [{ type: "object" }, new Date()],
  [{ additionalProperties: { maximum: 5 } }, { a: Infinity }],
  [{ items: { maximum: 5 } }, [Infinity]],
])("holds to %j what JSON has no word for", ([schema, value]) => {
  expect(fits(schema, snapshot(value))).toBe(false);
  expect(fits({}, snapshot(value))).toBe(true);
});
