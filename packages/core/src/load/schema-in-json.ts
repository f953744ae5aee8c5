import * as z from "zod/mini";

import type { JsonObject } from "../base/json.ts";
import { durationSchema } from "../policy/duration-schema.ts";
import { wholeNumber } from "../policy/whole-number.ts";
import { jsonSchemaParam } from "../rules/arg-schema.ts";
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
  [jsonSchemaParam, { type: "object" }],
  [tagsSchema, { propertyNames: { minLength: 1 } }],
  [toolsSchema, { propertyNames: { minLength: 1, maxLength: 512 } }],
  [actionSchema, { minProperties: 1, maxProperties: 1 }],
]);

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
      for (let said: z.core.$ZodType | undefined = zodSchema; said !== undefined; said = said._zod.parent)
        Object.assign(jsonSchema, SAID_IN_CODE.get(said));
    },
  });
  // Through text, so that what is written is exactly the JSON; zod's object has members that are undefined.
  const plain: JsonObject = JSON.parse(JSON.stringify(made));
  return plain;
}
