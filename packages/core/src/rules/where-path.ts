import type { JsonValue } from "../base/json.ts";
import { parsePath } from "../context/content.ts";
import { FORBIDDEN } from "../context/path.ts";

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
  let at = value;
  for (const segment of segments) at = whereMemberOf(at, segment);
  return at;
}

/** One step of a path. */
export function whereMemberOf(value: JsonValue | undefined, segment: string | number): JsonValue | undefined {
  if (typeof value !== "object" || value === null || !Object.hasOwn(value, segment)) return undefined;
  // An own member of JSON data is JSON data.
  return (value as Readonly<Record<string | number, JsonValue>>)[segment];
}
