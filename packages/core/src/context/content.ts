import type { JsonObject, JsonValue } from "../base/json.ts";
import { isOpaque } from "./opaque.ts";
import { memberPath } from "./path.ts";
import { rebuildItems, rebuildMembers } from "./rebuild.ts";

export { getPath, parsePath, setPath } from "./path.ts";

/** Shorter whole numbers hold no card, account or telephone number. */
const MIN_NUMBER = 100_000_000;

/** A large whole number as the text that it is read as; undefined for anything else. */
export function digitsOf(value: JsonValue): string | undefined {
  return typeof value === "number" && Number.isInteger(value) && Math.abs(value) >= MIN_NUMBER
    ? String(value)
    : undefined;
}

/**
 * Visits every text of a content, member names and large whole numbers too: nothing that a model reads can hide there.
 * @param visit Receives the text, where it is (`$.a[0].b`), and the name of its member: undefined at the root, for an
 *   item of an array, and for a member's name itself, which comes before its value and has the member's path.
 */
export function visitStrings(
  value: JsonValue,
  visit: (text: string, path: string, key: string | undefined) => void,
): void {
  walk(value, { visit, path: "$", key: undefined });
}

/**
 * Replaces texts of a content, member names too: new frozen objects where something changed, everything else shared
 * with the original. Two members that get one name both stay, the later numbered.
 * @param replace Receives what `visitStrings` gives; returns the text to put in its place.
 * @returns The same value when nothing changed.
 */
export function replaceStrings(
  value: JsonValue,
  replace: (text: string, path: string, key: string | undefined) => string,
): JsonValue {
  return replaceIn(value, { replace, path: "$", key: undefined });
}

interface Place {
  readonly path: string;
  readonly key: string | undefined;
}

interface Visit extends Place {
  readonly visit: (text: string, path: string, key: string | undefined) => void;
}

function walk(value: JsonValue, { visit, path, key }: Visit): void {
  const text = typeof value === "string" ? value : digitsOf(value);
  if (text !== undefined) {
    visit(text, path, key);
    return;
  }
  if (typeof value !== "object" || value === null || isOpaque(value)) return;
  if (Array.isArray(value)) {
    for (let at = 0; at < value.length; at++) {
      // An item of JSON data is JSON data.
      walk(value[at] as JsonValue, { visit, path: memberPath(path, at), key: undefined });
    }
    return;
  }
  for (const [name, member] of Object.entries(value as JsonObject)) {
    const at = memberPath(path, name);
    visit(name, at, undefined);
    walk(member, { visit, path: at, key: name });
  }
}

interface Replacement extends Place {
  readonly replace: (text: string, path: string, key: string | undefined) => string;
}

function replaceIn(value: JsonValue, { replace, path, key }: Replacement): JsonValue {
  if (typeof value === "string") return replace(value, path, key);
  if (typeof value !== "object" || value === null || isOpaque(value)) return value;
  if (Array.isArray(value)) {
    return rebuildItems(value, {
      item: (item, at) => replaceIn(item, { replace, path: memberPath(path, at), key: undefined }),
    });
  }
  return rebuildMembers(value as JsonObject, {
    name: (name) => replace(name, memberPath(path, name), undefined),
    value: (member, name) => replaceIn(member, { replace, path: memberPath(path, name), key: name }),
  });
}
