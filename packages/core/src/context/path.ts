import type { JsonObject, JsonValue } from "../base/json.ts";
import { ownMember } from "../base/own-member.ts";
import { rebuildItem, rebuildMember } from "./rebuild.ts";

const IDENTIFIER = /^[A-Za-z_$][\w$-]*$/;

/** One step of a path, from where the last one ended: `.name`, `[0]` or `["any name"]`. */
const STEP = /\.([^.[\]"]+)|\[(\d{1,9})\]|\[("(?:[^"\\]|\\.)*")\]/y;

/** Names through which a prototype could be reached; a policy that uses one is wrong or hostile. */
export const FORBIDDEN: ReadonlySet<unknown> = new Set(["__proto__", "constructor", "prototype"]);

/**
 * Reads a path into content: `$` is the whole, then `.name`, `[0]` or `["any name"]`. Linear in its length.
 * @returns The member names (texts) and positions (numbers) from the root; undefined for anything else.
 */
export function parsePath(path: string): readonly (string | number)[] | undefined {
  if (!path.startsWith("$")) return undefined;
  const segments: (string | number)[] = [];
  let at = 1;
  while (at < path.length) {
    STEP.lastIndex = at;
    const match = STEP.exec(path);
    if (match === null) return undefined;
    const [step, name, position, quoted] = match;
    const segment = name ?? (position === undefined ? unquote(quoted) : Number(position));
    if (segment === undefined) return undefined;
    segments.push(segment);
    at += step.length;
  }
  return segments;
}

/** Tells whether a path can be written to: one that reads well and leads through no prototype. */
export function isWritablePath(path: string): boolean {
  const segments = parsePath(path);
  return segments !== undefined && !segments.some((segment) => FORBIDDEN.has(segment));
}

/** The path of a member or an item: `$.a`, `$.a[0]`, `$["any name"]`. `parsePath` reads it back. */
export function memberPath(path: string, key: string | number): string {
  if (typeof key === "number") return `${path}[${key}]`;
  return IDENTIFIER.test(key) ? `${path}.${key}` : `${path}[${JSON.stringify(key)}]`;
}

/** A name that a programmer chose; anything else, or one with a long number in it, may be somebody's data. */
const SHOWN_NAME = /^(?!.*\d{4})[A-Za-z_$][\w$-]{0,63}$/;

/**
 * A path for people, models and records: it says where, and repeats no name that may be data, such as an address or a
 * card number; those read `["…"]`.
 * @param keys Member names and positions from the root.
 */
export function shownPath(keys: readonly (string | number)[]): string {
  return keys.reduce<string>(
    (path, key) => memberPath(path, typeof key === "number" || SHOWN_NAME.test(key) ? key : "…"),
    "$",
  );
}

/**
 * The value a path names, own members only.
 * @returns undefined where nothing is there, or for a path that cannot be read.
 */
export function getPath(value: JsonValue, path: string): JsonValue | undefined {
  const segments = parsePath(path);
  if (segments === undefined) return undefined;
  let at: JsonValue | undefined = value;
  for (const segment of segments) at = at === undefined ? undefined : childOf(at, segment);
  return at;
}

/**
 * Replaces what a path names: new frozen objects along the path, everything else shared with the original. The last
 * segment may be a member that is not there yet; everything before it, and every array position, must be.
 * @returns The new value; undefined when the path cannot be resolved or goes through `__proto__`, `constructor` or
 *   `prototype`.
 */
export function setPath(value: JsonValue, path: string, next: JsonValue): JsonValue | undefined {
  const segments = parsePath(path);
  if (segments === undefined || segments.some((segment) => FORBIDDEN.has(segment))) return undefined;
  return setAt(value, segments, next);
}

function setAt(
  value: JsonValue,
  segments: readonly (string | number)[],
  next: JsonValue,
): JsonValue | undefined {
  const [segment, ...rest] = segments;
  if (segment === undefined) return next;
  const child = childOf(value, segment);
  if (child === undefined && (rest.length > 0 || !canAdd(value, segment))) return undefined;
  const changed = rest.length === 0 ? next : setAt(child!, rest, next);
  if (changed === undefined) return undefined;
  if (Array.isArray(value)) return rebuildItem(value, Number(segment), changed);
  // `childOf` or `canAdd` found it to be an object.
  return rebuildMember(value as JsonObject, String(segment), changed);
}

function childOf(value: JsonValue, segment: string | number): JsonValue | undefined {
  if (typeof value !== "object" || value === null) return undefined;
  if (Array.isArray(value))
    return typeof segment === "number" ? (value[segment] as JsonValue | undefined) : undefined;
  // Own members only: an ordinary object would answer `toString` with its prototype's.
  return ownMember(value as JsonObject, String(segment));
}

function canAdd(value: JsonValue, segment: string | number): boolean {
  return typeof segment === "string" && typeof value === "object" && value !== null && !Array.isArray(value);
}

function unquote(quoted: string | undefined): string | undefined {
  if (quoted === undefined) return undefined;
  try {
    // The pattern let nothing but a quoted text through.
    return JSON.parse(quoted) as string;
  } catch {
    // An escape that JSON does not know: not a path.
    return undefined;
  }
}
