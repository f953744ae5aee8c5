import type { JsonValue } from "../base/json.ts";
import { parsePath } from "../context/content.ts";

const FORBIDDEN: ReadonlySet<unknown> = new Set(["__proto__", "constructor", "prototype"]);

/**
 * Reads how a condition names a member of content: `amount`, `customer.country`, `items[0].price`, `$["a.b"]`.
 * @returns Undefined for what is no path, or leads to a prototype.
 */
export function wherePath(member: string): readonly (string | number)[] | undefined {
  const segments = parsePath(member.startsWith("$") ? member : `$.${member}`);
  return segments?.some((segment) => FORBIDDEN.has(segment)) === true ? undefined : segments;
}

/** The value at a path, own members only; what is absent stays so. */
export function whereValueAt(
  value: JsonValue | undefined,
  segments: readonly (string | number)[],
): JsonValue | undefined {
  let at: unknown = value;
  for (const segment of segments) {
    if (typeof at !== "object" || at === null || !Object.hasOwn(at, segment)) return undefined;
    // An own member of JSON data is JSON data.
    at = (at as Readonly<Record<string | number, JsonValue>>)[segment];
  }
  return at as JsonValue | undefined;
}
