import { canonicalJson } from "../base/canonical-json.ts";
import { suggest } from "../base/did-you-mean.ts";
import { isJsonObject, type JsonValue } from "../base/json.ts";
import { ownMember } from "../base/own-member.ts";
import { isOpaque } from "../context/opaque.ts";
import { BOUND_KEYWORDS } from "./json-schema-bounds.ts";
import type { SchemaCheck } from "./schema-check.ts";
import { below, refuse, type SpecPlace } from "./spec-place.ts";
import { CODE_KEYWORD } from "./standard-schema.ts";

type Keyword = (
  operand: unknown,
  schema: Readonly<Record<string, unknown>>,
  place: SpecPlace,
) => SchemaCheck | undefined;

/** Words that say nothing about the value (JSON Schema 2020-12, "Meta-Data", and the core's comments). */
const ANNOTATIONS: ReadonlySet<string> = new Set(
  "$schema,$id,$comment,title,description,default,examples,deprecated,readOnly,writeOnly".split(","),
);

const MAX_DEPTH = 32;

/**
 * Compiles the linear-time part of JSON Schema 2020-12 to a closure. Whatever else a schema says is reported: a keyword
 * that were ignored would be a check that never happens.
 */
export function compileSchema(schema: unknown, place: SpecPlace): SchemaCheck {
  if (schema === true) return () => undefined;
  if (schema === false) return (_value, at, problems) => void problems.push(`${at} must not be given`);
  if (!isJsonObject(schema)) {
    refuse(place, "must be a JSON Schema: an object, true or false");
    return () => undefined;
  }
  if (place.path.length > MAX_DEPTH * 2) {
    refuse(place, "is nested too deeply", `use at most ${MAX_DEPTH} levels`);
    return () => undefined;
  }
  const checks: SchemaCheck[] = [];
  for (const [name, operand] of Object.entries(schema)) {
    if (ANNOTATIONS.has(name)) continue;
    const at = below(place, name);
    const keyword = ownMember(KEYWORDS, name);
    if (keyword === undefined) refuse(at, "is not a keyword this rule checks", hintFor(name));
    const check = keyword?.(operand, schema, at);
    if (check !== undefined) checks.push(check);
  }
  if (checks.length === 0) return () => undefined;
  return (value, at, problems) => {
    // Infinity is no number to `maximum`, and a date an object to `type`: what JSON has no word for fits nothing.
    if (isOpaque(value)) problems.push(`${at} must be plain data`);
    else for (const check of checks) check(value, at, problems);
  };
}

function hintFor(name: string): string {
  if (name === CODE_KEYWORD)
    return "a refinement or transform is no data; say it as a condition or a rule of your own";
  if (name === "pattern" || name === "format" || name === "patternProperties") {
    return "it may take exponential time; use enum here, or a condition with glob";
  }
  return name.startsWith("$") ? "write the schema out in one piece" : suggest(name, Object.keys(KEYWORDS));
}

const TYPES: Readonly<Record<string, (value: JsonValue) => boolean>> = {
  string: (value) => typeof value === "string",
  number: (value) => typeof value === "number",
  integer: (value) => Number.isInteger(value),
  boolean: (value) => typeof value === "boolean",
  null: (value) => value === null,
  array: (value) => Array.isArray(value),
  object: isJsonObject,
};

const KEYWORDS: Readonly<Record<string, Keyword>> = {
  ...BOUND_KEYWORDS,
  // Read by `properties`, which needs all three together.
  additionalProperties: (operand, schema, place) =>
    schema["properties"] === undefined ? properties({}, schema, place) : undefined,
  type(operand, _schema, place) {
    const names: readonly unknown[] = Array.isArray(operand) ? operand : [operand];
    const tests = names.map((name) => (typeof name === "string" ? ownMember(TYPES, name) : undefined));
    if (names.length === 0 || tests.includes(undefined)) {
      refuse(place, "is not a type", `use one of ${Object.keys(TYPES).join(", ")}`);
    }
    return failing((value) => tests.some((test) => test?.(value) === true), `must be ${names.join(" or ")}`);
  },
  enum(operand, _schema, place) {
    if (!Array.isArray(operand) || operand.length === 0)
      return refuse(place, "must be a list that is not empty");
    const allowed = new Set(operand.map((one) => canonicalJson(one)));
    return failing((value) => allowed.has(canonicalJson(value)), "must be one of the listed values");
  },
  const(operand) {
    const wanted = canonicalJson(operand);
    return failing((value) => canonicalJson(value) === wanted, "must be the one value that is allowed");
  },
  required(operand, _schema, place) {
    if (!isTextList(operand)) return refuse(place, "must be a list of member names");
    return (value, at, problems) => {
      if (!isJsonObject(value)) return;
      for (const name of operand) if (!Object.hasOwn(value, name)) problems.push(`${at}.${name} is required`);
    };
  },
  properties,
  propertyNames(operand, _schema, place) {
    const check = compileSchema(operand, place);
    return (value, at, problems) => {
      if (!isJsonObject(value)) return;
      // A name is the caller's text, which no message repeats.
      if (Object.keys(value).some((name) => !isFit(check, name)))
        problems.push(`${at} has a member with a name that is not allowed`);
    };
  },
  items(operand, _schema, place) {
    const check = compileSchema(operand, place);
    return (value, at, problems) => {
      if (!Array.isArray(value)) return;
      for (const item of value) check(item, `${at}[*]`, problems);
    };
  },
  allOf: (operand, _schema, place) =>
    combined(operand, place, { fits: (count, of) => count === of, words: "all" }),
  anyOf: (operand, _schema, place) => combined(operand, place, { fits: (count) => count > 0, words: "one" }),
  oneOf: (operand, _schema, place) =>
    combined(operand, place, { fits: (count) => count === 1, words: "exactly one" }),
  not(operand, _schema, place) {
    const check = compileSchema(operand, place);
    return failing((value) => !isFit(check, value), "must not have this form");
  },
};

function properties(
  operand: unknown,
  schema: Readonly<Record<string, unknown>>,
  place: SpecPlace,
): SchemaCheck | undefined {
  if (!isJsonObject(operand)) return refuse(place, "must be an object of schemas");
  const named = new Map(
    Object.entries(operand).map(([name, one]) => [name, compileSchema(one, below(place, name))]),
  );
  const restPlace = { ...place, path: [...place.path.slice(0, -1), "additionalProperties"] };
  const rest = schema["additionalProperties"];
  const checkRest =
    rest === undefined || rest === true ? undefined : rest === false ? rest : compileSchema(rest, restPlace);
  return (value, at, problems) => {
    if (!isJsonObject(value)) return;
    for (const [name, member] of Object.entries(value)) {
      const check = named.get(name);
      if (check !== undefined) check(member, `${at}.${name}`, problems);
      // The name of an unknown member is the caller's text, which no message repeats.
      else if (checkRest === false) problems.push(`${at} has a member that is not allowed`);
      else checkRest?.(member, `${at}.*`, problems);
    }
  };
}

function combined(
  operand: unknown,
  place: SpecPlace,
  { fits, words }: { readonly fits: (count: number, of: number) => boolean; readonly words: string },
): SchemaCheck | undefined {
  if (!Array.isArray(operand) || operand.length === 0) return refuse(place, "must be a list of schemas");
  const checks = operand.map((one: unknown, index) => compileSchema(one, below(place, index)));
  return failing((value) => {
    const count = checks.filter((check) => isFit(check, value)).length;
    return fits(count, checks.length);
  }, `must fit ${words} of the listed forms`);
}

function isFit(check: SchemaCheck, value: JsonValue): boolean {
  const problems: string[] = [];
  check(value, "", problems);
  return problems.length === 0;
}

function failing(isGood: (value: JsonValue) => boolean, message: string): SchemaCheck {
  return (value, at, problems) => {
    if (!isGood(value)) problems.push(`${at} ${message}`);
  };
}

function isTextList(value: unknown): value is readonly string[] {
  return Array.isArray(value) && value.every((one) => typeof one === "string");
}
