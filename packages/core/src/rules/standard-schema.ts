import { errorText } from "../base/error-text.ts";
import { ConfigError } from "../base/errors.ts";

/** A schema of a library that can say itself as JSON Schema: zod from 4.2 on, ArkType, Valibot (https://standardschema.dev). */
export interface SchemaOfLibrary {
  readonly "~standard": {
    readonly vendor: string;
    readonly jsonSchema: {
      readonly input: (options: {
        readonly target: "draft-2020-12";
        readonly libraryOptions?: Record<string, unknown>;
      }) => Record<string, unknown>;
    };
  };
}

/** What zod's converter calls for every schema it has converted. */
interface Converted {
  readonly zodSchema: {
    readonly _zod: {
      readonly def: {
        readonly type: string;
        readonly checks?: readonly { readonly _zod: { readonly def: { readonly check: string } } }[];
      };
    };
  };
  readonly jsonSchema: Record<string, unknown>;
}

/** The checks of zod that JSON Schema has a keyword for: all others are code. */
const SAID_IN_JSON: ReadonlySet<string> = new Set([
  "less_than",
  "greater_than",
  "multiple_of",
  "number_format",
  "min_length",
  "max_length",
  "length_equals",
  "string_format",
]);

/** The keyword that a schema gets where it is more than JSON Schema can say: no rule checks it, so it is refused by path. */
export const CODE_KEYWORD = "code";

/** Whether a value is the schema of a library, able to say itself as JSON Schema or not. */
export function isSchemaOfLibrary(value: unknown): value is { readonly "~standard": unknown } {
  return (typeof value === "object" || typeof value === "function") && value !== null && "~standard" in value;
}

/**
 * The JSON Schema of what a library's schema lets in, as plain data. Refinements and transforms, which it would lose, are
 * left in it as {@link CODE_KEYWORD}.
 * @param name The parameter, for the error.
 * @throws ConfigError where the library cannot say it as JSON Schema.
 */
export function jsonSchemaOf(schema: { readonly "~standard": unknown }, name: string): unknown {
  const standard = schema["~standard"];
  if (!hasConverter(standard))
    throw refused(name, "is a schema that cannot be written as JSON Schema", "use zod 4.2 or newer, or JSON");
  try {
    const options = { target: "draft-2020-12", libraryOptions: { override: markCode } } as const;
    // Whatever the library keeps beside the data stays behind.
    return JSON.parse(JSON.stringify(standard.jsonSchema.input(options)));
  } catch (error) {
    const why = errorText(error);
    throw refused(name, `cannot be written as JSON Schema: ${why}`, "use only what JSON can hold");
  }
}

function hasConverter(standard: unknown): standard is SchemaOfLibrary["~standard"] {
  return (
    typeof standard === "object" &&
    standard !== null &&
    "jsonSchema" in standard &&
    typeof standard.jsonSchema === "object"
  );
}

function markCode({ zodSchema, jsonSchema }: Converted): void {
  const { type, checks = [] } = zodSchema._zod.def;
  const isCode = type === "pipe" || type === "transform";
  if (isCode || checks.some(({ _zod }) => !SAID_IN_JSON.has(_zod.def.check))) jsonSchema[CODE_KEYWORD] = true;
}

function refused(name: string, message: string, suggestion: string): ConfigError {
  return new ConfigError("rule", [{ path: name, message, suggestion }]);
}
