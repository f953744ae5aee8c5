import { expect, test } from "vitest";
import { z } from "zod";

import type { JsonValue } from "../../src/base/json.ts";
import { argSchema } from "../../src/rules/arg-schema.ts";
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
  [{ minProperties: 1, maxProperties: 1 }, { a: 1 }, {}],
  [{ anyOf: [{ type: "string" }, { minimum: 5 }] }, 6, 4],
  [{ oneOf: [{ minimum: 0 }, { maximum: 10 }] }, 11, 5],
  [{ allOf: [{ minimum: 0 }, { maximum: 10 }] }, 5, 11],
  [{ not: { type: "string" } }, 1, "x"],
])("checks %j: %j fits and %j does not", ([schema, good, bad]) => {
  expect(fits(schema, good)).toBe(true);
  expect(fits(schema, bad)).toBe(false);
});

test("agrees with zod on a schema written by zod", () => {
  const zodSchema = z.strictObject({
    id: z.int().min(1),
    note: z.string().max(5).optional(),
    tags: z.array(z.enum(["a"])),
  });
  const rule = compileRule(argSchema, { schema: z.toJSONSchema(zodSchema) });
  const inputs: readonly JsonValue[] = [
    { id: 1, tags: ["a"] },
    { id: 0, tags: [] },
    { id: 1, tags: ["b"] },
    { id: 1, tags: [], note: "too long" },
    { id: 1, tags: [], more: 1 },
    { tags: [] },
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
