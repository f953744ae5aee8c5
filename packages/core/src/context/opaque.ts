import type { JsonObject, JsonValue } from "../base/json.ts";

/**
 * Stands in a snapshot for a value that is not JSON, such as `{ $opaque: "Date" }`: rules can see that something is
 * there, and execution gets the very value back. Data that merely looks like one stays data.
 */
export interface Opaque extends JsonObject {
  readonly $opaque: string;
}

/** Only a marker made here restores a reference: a tool's input cannot forge one. */
const references = new WeakMap<object, { readonly value: unknown }>();

/** Every marker, and every frozen container with one somewhere below, so that asking costs one look-up. */
const holders = new WeakSet<object>();

/** Most processes never make a marker, and every call asks about several values. */
let hasMarkers = false;

/** Wraps a value that JSON cannot carry; the reference itself is kept, never copied. */
export function opaqueOf(value: unknown): Opaque {
  // A null prototype is an object's; the literal is otherwise what the type says.
  const marker = Object.assign(Object.create(null) as { $opaque: string }, { $opaque: nameOf(value) });
  references.set(marker, { value });
  holders.add(marker);
  hasMarkers = true;
  return Object.freeze(marker);
}

/** Tells a genuine marker from data that looks like one. */
export function isOpaque(value: unknown): value is Opaque {
  return hasMarkers && typeof value === "object" && value !== null && references.has(value);
}

/** What a marker stands for, boxed because it may be undefined-like; undefined for anything but a marker. */
export function referenceOf(value: object): { readonly value: unknown } | undefined {
  return references.get(value);
}

/** Remembers that a frozen container has a marker below. */
export function markHolder(container: object): void {
  holders.add(container);
}

/**
 * Tells whether a snapshot holds, at any depth, a value that rules cannot read. O(1).
 * @param value What `snapshot` returned, or a part of it.
 */
export function hasOpaque(value: JsonValue): boolean {
  return hasMarkers && typeof value === "object" && value !== null && holders.has(value);
}

/**
 * Tells whether a snapshot holds something that rules cannot read and that may carry text: everything opaque but plain
 * dates, numbers that JSON lacks, and symbols. Linear, and only where something opaque is.
 * @param value What `snapshot` returned, or a part of it.
 */
export function hasUnreadable(value: JsonValue): boolean {
  if (typeof value !== "object" || value === null || !hasOpaque(value)) return false;
  const reference = references.get(value);
  if (reference !== undefined) return !isHarmless(reference.value);
  return Object.values(value).some((member: JsonValue) => hasUnreadable(member));
}

/**
 * Tells whether everything in a snapshot that is not JSON is told from others of its type by `withValues`: what is not
 * could be exchanged under an answer that was given for it.
 * @param value What `snapshot` returned, or a part of it.
 */
export function isTellable(value: JsonValue): boolean {
  if (typeof value !== "object" || value === null || !hasOpaque(value)) return true;
  const reference = references.get(value);
  if (reference !== undefined) return valueOf(reference.value) !== undefined;
  return Object.values(value).every((member: JsonValue) => isTellable(member));
}

/** A snapshot with the values of its dates, numbers and big integers written out, for digests alone. */
export function withValues(value: JsonValue): JsonValue {
  if (typeof value !== "object" || value === null || !hasOpaque(value)) return value;
  const reference = references.get(value);
  if (reference !== undefined) {
    const text = valueOf(reference.value);
    return text === undefined ? value : { $opaque: nameOf(reference.value), value: text };
  }
  if (Array.isArray(value)) return value.map((item: JsonValue) => withValues(item));
  const members = Object.entries(value as JsonObject).map(([name, member]) => [name, withValues(member)]);
  return Object.fromEntries(members) as JsonObject;
}

function valueOf(value: unknown): string | undefined {
  if (typeof value === "number" || typeof value === "bigint") return String(value);
  return isPlainDate(value) ? String(Date.prototype.getTime.call(value)) : undefined;
}

function isHarmless(value: unknown): boolean {
  // A bigint can be a card number.
  return typeof value === "number" || typeof value === "symbol" || isPlainDate(value);
}

/** A date and nothing else: a subclass, or members of its own, could carry any text. */
function isPlainDate(value: unknown): boolean {
  if (!(value instanceof Date)) return false;
  try {
    // Throws for what only claims to be a date.
    Date.prototype.getTime.call(value);
    return Object.getPrototypeOf(value) === Date.prototype && Reflect.ownKeys(value).length === 0;
  } catch {
    // A trap, or no date at all.
    return false;
  }
}

const NAME = /^[A-Za-z_$][\w$]{0,63}$/;

function nameOf(value: unknown): string {
  if (typeof value !== "object" || value === null) return typeof value;
  let name: unknown;
  try {
    name = value.constructor.name;
  } catch {
    // A trap or a missing constructor: the value stays usable, it merely has no name.
    return "object";
  }
  return typeof name === "string" && NAME.test(name) ? name : "object";
}
