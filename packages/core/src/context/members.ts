import type { JsonValue } from "../base/json.ts";

/**
 * An empty object for content: without a prototype every name is data, `__proto__` and `constructor` too. Taking the
 * prototype away keeps the engine's fast layout, which `Object.create(null)` does not: a quarter of the memory, and
 * several times faster to list.
 */
export function emptyMembers(): Record<string, JsonValue> {
  const members: Record<string, JsonValue> = {};
  Object.setPrototypeOf(members, null);
  return members;
}
