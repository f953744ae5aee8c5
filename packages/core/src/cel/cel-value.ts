import type { JsonObject, JsonValue } from "../base/json.ts";

/** What the evaluator takes: whole numbers are `int`, others `double`, objects maps. */
export type CelValue =
  | string
  | boolean
  | bigint
  | number
  | null
  | readonly CelValue[]
  | ReadonlyMap<string, CelValue>;

/** Content is immutable, so that several conditions on one call convert it once. */
const converted = new WeakMap<object, CelValue>();

/**
 * Turns content into CEL values. Maps instead of objects: a member named `constructor` or `__proto__` is then only a
 * key. Whole numbers become `int`, so that `input.amount + 1` is integer arithmetic.
 * @param value Snapshotted content; nested at most as deep as snapshots are.
 */
export function toCel(value: JsonValue): CelValue {
  if (typeof value === "number") return Number.isSafeInteger(value) ? BigInt(value) : value;
  if (typeof value !== "object" || value === null) return value;
  const known = converted.get(value);
  if (known !== undefined) return known;
  const made = isList(value)
    ? value.map(toCel)
    : new Map(Object.entries(value).map(([key, member]) => [key, toCel(member)]));
  converted.set(value, made);
  return made;
}

/** `Array.isArray` does not narrow a readonly list. */
function isList(value: readonly JsonValue[] | JsonObject): value is readonly JsonValue[] {
  return Array.isArray(value);
}
