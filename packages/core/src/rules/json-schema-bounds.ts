import { canonicalJson } from "../base/canonical-json.ts";
import { isJsonObject, type JsonValue } from "../base/json.ts";
import type { SchemaCheck } from "./schema-check.ts";
import { refuse, type SpecPlace } from "./spec-place.ts";

type BoundKeyword = (operand: unknown, schema: unknown, place: SpecPlace) => SchemaCheck | undefined;

/** Measures a value for a bound; undefined where the bound does not concern values of that type. */
type Measured = (value: JsonValue) => number | undefined;

const asNumber: Measured = (value) => (typeof value === "number" ? value : undefined);
// JSON Schema counts characters (code points), not UTF-16 units.
const textLength: Measured = (value) => (typeof value === "string" ? Array.from(value).length : undefined);
const itemCount: Measured = (value) => (Array.isArray(value) ? value.length : undefined);
const memberCount: Measured = (value) => (isJsonObject(value) ? Object.keys(value).length : undefined);

/** The keywords of JSON Schema that bound a number, a length or a count. */
export const BOUND_KEYWORDS: Readonly<Record<string, BoundKeyword>> = {
  minimum: bound(asNumber, (size, limit) => size >= limit, "must be at least"),
  maximum: bound(asNumber, (size, limit) => size <= limit, "must be at most"),
  exclusiveMinimum: bound(asNumber, (size, limit) => size > limit, "must be above"),
  exclusiveMaximum: bound(asNumber, (size, limit) => size < limit, "must be below"),
  multipleOf: bound(asNumber, isMultiple, "must be a multiple of"),
  minLength: bound(textLength, (size, limit) => size >= limit, "must have at least this many characters:"),
  maxLength: bound(textLength, (size, limit) => size <= limit, "must have at most this many characters:"),
  minItems: bound(itemCount, (size, limit) => size >= limit, "must have at least this many items:"),
  maxItems: bound(itemCount, (size, limit) => size <= limit, "must have at most this many items:"),
  minProperties: bound(memberCount, (size, limit) => size >= limit, "must have at least this many members:"),
  maxProperties: bound(memberCount, (size, limit) => size <= limit, "must have at most this many members:"),
  uniqueItems(operand, _schema, place) {
    if (typeof operand !== "boolean") refuse(place, "must be true or false");
    if (operand !== true) return undefined;
    return (value, at, problems) => {
      if (!Array.isArray(value)) return;
      const texts = new Set(value.map((item) => canonicalJson(item)));
      if (texts.size < value.length) problems.push(`${at} must not repeat an item`);
    };
  },
};

function bound(
  measure: Measured,
  holds: (size: number, limit: number) => boolean,
  words: string,
): BoundKeyword {
  return (operand, _schema, place) => {
    if (typeof operand !== "number" || !Number.isFinite(operand)) {
      refuse(place, "must be a number");
      return undefined;
    }
    return (value, at, problems) => {
      const size = measure(value);
      if (size !== undefined && !holds(size, operand)) problems.push(`${at} ${words} ${operand}`);
    };
  };
}

function isMultiple(value: number, of: number): boolean {
  const ratio = value / of;
  // 0.3 / 0.1 is 2.9999999999999996: a decimal multiple is one within the last bits.
  return Math.abs(ratio - Math.round(ratio)) <= Number.EPSILON * Math.max(1, Math.abs(ratio));
}
