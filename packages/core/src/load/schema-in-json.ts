import * as z from "zod/mini";

import type { JsonObject } from "../base/json.ts";
import type { Bounds } from "../policy/between.ts";
import { shareSchema } from "../policy/degrade-schema.ts";
import { durationSchema } from "../policy/duration-schema.ts";
import { wholeNumber } from "../policy/whole-number.ts";
import { jsonSchemaParam } from "../rules/arg-schema.ts";
import { patternsParam } from "../rules/pattern-params.ts";
import { actionSchema, patternSchema, tagsSchema, toolsSchema } from "./schema.ts";

/**
 * What a schema checks in code, as far as JSON Schema can say it. Kept apart from the schemas, so that a program which
 * only loads policies does not carry it.
 */
const SAID_IN_CODE: ReadonlyMap<z.core.$ZodType, JsonObject> = new Map<z.core.$ZodType, JsonObject>([
  [
    durationSchema,
    {
      pattern: "^[1-9][0-9]{0,11}(ms|s|m|h|d|w)$",
      description: 'A whole number and a unit, such as "30m".',
    },
  ],
  [patternSchema, { description: "A name or a glob (* and ?); ! in front excludes." }],
  [wholeNumber, { type: "integer" }],
  [shareSchema, { exclusiveMinimum: 0 }],
  [jsonSchemaParam, { type: "object" }],
  [patternsParam, { minItems: 1 }],
  [tagsSchema, { propertyNames: { minLength: 1 } }],
  [toolsSchema, { propertyNames: { minLength: 1, maxLength: 512 } }],
  [actionSchema, { minProperties: 1, maxProperties: 1 }],
]);

/** What a check of `policy/` holds at it, in the words for a value of the type. */
function saidBy(check: object, type: unknown): object {
  const { minimum = -Infinity, maximum = Infinity, pattern }: Partial<Bounds & { pattern: RegExp }> = check;
  if (pattern !== undefined) return { pattern: pattern.source };
  if (type !== "string" && type !== "array")
    return { ...(minimum > -Infinity && { minimum }), ...(maximum < Infinity && { maximum }) };
  const what = type === "string" ? "Length" : "Items";
  return {
    ...(minimum > 0 && { [`min${what}`]: minimum }),
    ...(maximum < Infinity && { [`max${what}`]: maximum }),
  };
}

/** A schema of zod as JSON Schema (draft 2020-12) of what is written, not of what becomes of it. */
export function jsonSchemaOf(schema: z.core.$ZodType): JsonObject {
  const {
    $schema: _draft,
    "~standard": _standard,
    ...made
  } = z.toJSONSchema(schema, {
    io: "input",
    unrepresentable: "any",
    override: ({ zodSchema, jsonSchema }) => {
      // An object whose names are free lists none.
      if (Object.keys(jsonSchema.properties ?? { some: true }).length === 0) delete jsonSchema.properties;
      // The schemas have no class for a word of its own beside the one for a choice.
      if (jsonSchema.enum?.length === 1) {
        jsonSchema.const = jsonSchema.enum[0] ?? null;
        delete jsonSchema.enum;
      }
      for (const { _zod } of zodSchema._zod.def.checks ?? [])
        Object.assign(jsonSchema, saidBy(_zod.check, jsonSchema.type));
      for (let said: z.core.$ZodType | undefined = zodSchema; said !== undefined; said = said._zod.parent)
        Object.assign(jsonSchema, SAID_IN_CODE.get(said));
    },
  });
  // Through text, so that what is written is exactly the JSON; zod's object has members that are undefined.
  const plain: JsonObject = JSON.parse(JSON.stringify(made));
  return plain;
}
