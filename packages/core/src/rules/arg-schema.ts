import * as z from "zod/mini";

import { isPlainObject } from "../base/json.ts";
import { pathText } from "../base/path-text.ts";
import { between } from "../policy/between.ts";
import { compilePatterns, matchesTool } from "../policy/compile-selector.ts";
import { omittable } from "../policy/omittable.ts";
import { checkedBy } from "../policy/schema-check.ts";
import { compileSchema } from "./json-schema-check.ts";
import { patternsParam } from "./pattern-params.ts";
import { defineRule } from "./rule.ts";
import type { SchemaOfLibrary } from "./standard-schema.ts";

type JsonSchema = Record<string, unknown>;

const NO_DATA = "must be a JSON Schema as data; a schema of zod goes through rule.argSchema({ schema })";

/** A JSON Schema, checked in code. */
export const jsonSchemaParam = z.unknown().check(
  checkedBy((schema, report) => {
    if (isPlainObject(schema)) compileSchema(schema, { path: [], report });
    else report([], NO_DATA);
  }),
);
// Checked above. The factory writes a library's schema down as JSON before that.
const schemaParam = jsonSchemaParam as z.core.$ZodType as z.core.$ZodType<
  JsonSchema,
  JsonSchema | SchemaOfLibrary
>;

/**
 * Blocks tool calls whose input does not fit a schema: JSON Schema 2020-12 without patterns, formats and references. What
 * is not JSON (infinite numbers, dates) fits only where the schema says nothing.
 * `rule.argSchema` takes a zod schema as well, as long as it says no more than that.
 */
export const argSchema = defineRule({
  kind: "argSchema",
  timing: "blocking",
  hookpoints: ["before_tool_call"],
  params: z.strictObject({
    tool: omittable(
      z.union([z.string().check(between(1)), patternsParam], "must be a pattern or a list of patterns"),
    ),
    schema: schemaParam,
  }),
  isStateless: true,
  compile({ tool: written, schema }, tools) {
    const patterns = typeof written === "string" ? [written] : written;
    const test = patterns === undefined ? undefined : compilePatterns(patterns);
    const check = compileSchema(schema, {
      path: [],
      report: (path, message, suggestion) => tools.fail(pathText("schema", path), message, suggestion),
    });
    return {
      reads: ["input"],
      neverAsks: true,
      check({ tool }) {
        if (tool === undefined || (test !== undefined && !matchesTool(test, tool, "deny"))) return undefined;
        const problems: string[] = [];
        if (tool.input === undefined) problems.push("input is missing");
        else check(tool.input, "input", problems);
        if (problems.length === 0) return undefined;
        const told = [...new Set(problems)].slice(0, MAX_TOLD).join("; ");
        return {
          answer: {
            answer: "block",
            reason: `the input of "${tool.name}" does not fit its schema: ${told}`,
            message: `The input does not fit: ${told}. Correct it and call again.`,
          },
        };
      },
    };
  },
});

const MAX_TOLD = 5;
