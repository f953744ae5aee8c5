import { isPlainObject, type JsonObject, type JsonValue } from "../base/json.ts";

/** What a comparison went through. */
export interface DataSize {
  /** About how many characters of JSON. */
  chars: number;
  /** How many members of objects. */
  members: number;
}

/**
 * Tells whether a value is the same plain data as a copy of such data, whatever the order of members. It says no to
 * everything that is not plain, and copies nothing.
 * @param size Is added to; right only for data that is the same.
 */
export function isSameData(value: unknown, copy: JsonValue, size: DataSize): boolean {
  size.chars += typeof copy === "string" ? copy.length + 3 : 4;
  if (typeof copy !== "object" || copy === null) return value === copy;
  if (typeof value !== "object" || value === null) return false;
  if (Array.isArray(copy)) return Array.isArray(value) && areSameItems(value, copy, size);
  // A copy that is no list is an object, which its type does not tell.
  return isPlainObject(value) && areSameMembers(value, copy as JsonObject, size);
}

function areSameMembers(value: object, copy: JsonObject, size: DataSize): boolean {
  // Loops instead of lists of names: with many thousand rules the lists alone are megabytes.
  let members = 0;
  for (const key in value) if (Object.hasOwn(value, key)) members++;
  size.members += members;
  for (const key in copy) {
    if (!Object.hasOwn(value, key)) return false;
    size.chars += key.length + 3;
    const copied = copy[key];
    // An own member of both.
    const member = (value as Readonly<Record<string, unknown>>)[key];
    if (copied === undefined || !isSameData(member, copied, size)) return false;
    members--;
  }
  return members === 0;
}

function areSameItems(values: readonly unknown[], copies: readonly JsonValue[], size: DataSize): boolean {
  if (values.length !== copies.length) return false;
  for (let at = 0; at < copies.length; at++) if (!isSameData(values[at], copies[at]!, size)) return false;
  return true;
}
