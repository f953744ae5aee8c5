import { AgentplaneError } from "../base/errors.ts";
import type { JsonObject, JsonValue } from "../base/json.ts";
import { listOf } from "../base/list-of.ts";
import { hasOpaque, isOpaque, markHolder, opaqueOf, referenceOf } from "./opaque.ts";
import { emptyMembers } from "./members.ts";
import { shownPath } from "./path.ts";
import { SnapshotMark } from "./snapshot-mark.ts";

export { hasOpaque, hasUnreadable } from "./opaque.ts";

const MAX_DEPTH = 128;
const MAX_BYTES = 5 * 1024 * 1024;

/** UTF-8 takes at most three bytes for one UTF-16 unit. */
const MAX_BYTES_PER_UNIT = 3;

/**
 * Copies content once into frozen plain data, so that what is decided is exactly what runs: own enumerable members,
 * each getter read once, null prototypes. What is not JSON (dates, maps, class instances, functions, NaN, bigint,
 * symbols) becomes an opaque marker that `thaw` turns back into the very reference. Undefined members are dropped,
 * undefined items are null. O(size); a value that is a snapshot already is returned as it is.
 * @param value Anything.
 * @throws AgentplaneError `content_refused` for content that is circular, deeper than 128, larger than 5 MiB of UTF-8,
 *   or whose reading throws.
 */
export function snapshot(value: unknown): JsonValue {
  if (typeof value === "string") return bareText(value);
  if (typeof value !== "object" || value === null) return leaf(value);
  if (SnapshotMark.isOn(value) || isOpaque(value)) return value as JsonValue; // Only JSON values are marked so.
  const walk = spare ?? new Walk();
  // Whoever comes while this one is at work, or after it failed, gets another.
  spare = undefined;
  walk.units = 0;
  walk.hasOpaque = false;
  let copied: JsonValue;
  try {
    copied = copy(value, walk);
  } catch (cause) {
    if (cause instanceof AgentplaneError) throw cause;
    throw refused("it throws while it is read; pass plain data", walk, cause);
  }
  if (isTooLarge(copied, walk.units)) throw tooLarge(walk);
  spare = walk;
  return copied;
}

function bareText(text: string): string {
  // One value, as an item would count.
  if (isTooLarge(text, text.length + 1)) throw tooLarge(new Walk());
  return text;
}

/** The exact size is only counted where the cheap bounds leave it open. */
function isTooLarge(copied: JsonValue, units: number): boolean {
  if (units > MAX_BYTES) return true;
  return units * MAX_BYTES_PER_UNIT > MAX_BYTES && bytesOf(copied) > MAX_BYTES;
}

/**
 * Copies a snapshot into fresh, mutable, ordinary objects for execution, opaque references restored. A member named
 * `__proto__` becomes an own member, never the prototype.
 */
export function thaw(value: JsonValue): unknown {
  if (typeof value !== "object" || value === null) return value;
  return melt(value, !hasOpaque(value));
}

/** How far a copy has come. */
class Walk {
  /** The containers that are not finished, outermost first. */
  readonly containers: object[] = [];
  /** Which part of each is copied now. */
  readonly keys: (string | number)[] = [];
  /** UTF-16 units of all texts and names, plus one for every value: a lower bound of the bytes. */
  units = 0;
  /** Whether a marker was made below the current container. */
  hasOpaque = false;
}

/** Kept: every call copies two contents, mostly small ones. */
let spare: Walk | undefined = new Walk();

function copy(value: unknown, walk: Walk): JsonValue {
  if (typeof value !== "object" || value === null) {
    count(typeof value === "string" ? value.length + 1 : 1, walk);
    const copied = leaf(value);
    walk.hasOpaque ||= typeof copied === "object" && copied !== null;
    return copied;
  }
  count(1, walk);
  const isArray = Array.isArray(value);
  if (!isArray && !isPlain(value)) return opaque(isOpaque(value) ? value : opaqueOf(value), walk);
  const { containers, keys } = walk;
  const depth = containers.length;
  if (depth === MAX_DEPTH) throw refused(`it is nested more than ${MAX_DEPTH} deep; flatten it`, walk);
  if (depth > 0 && containers.includes(value)) throw refused("it contains itself; pass a tree", walk);
  const hadOpaque = walk.hasOpaque;
  walk.hasOpaque = false;
  containers.push(value);
  keys.push(0);
  const copied = isArray ? copyItems(value, walk) : copyMembers(value, walk);
  containers.pop();
  keys.pop();
  if (walk.hasOpaque) markHolder(copied);
  walk.hasOpaque ||= hadOpaque;
  // The whole only: its parts alone were not measured.
  if (depth === 0) SnapshotMark.put(copied);
  return Object.freeze(copied);
}

/** More are hardly all there: a list of that length would be made before one of them is read. */
const MAX_LISTED = 1_024;

function copyItems(items: readonly unknown[], walk: Walk): JsonValue[] {
  const { length } = items;
  const copied: JsonValue[] = length <= MAX_LISTED ? listOf(length) : [];
  const inside = walk.keys.length - 1;
  for (let at = 0; at < length; at++) {
    walk.keys[inside] = at;
    copied[at] = copy(items[at], walk);
  }
  return copied;
}

function copyMembers(value: object, walk: Walk): Record<string, JsonValue> {
  // Without a prototype every name is data, `__proto__` and `constructor` too.
  const copied = emptyMembers();
  const inside = walk.keys.length - 1;
  // A list of the names would be one more object.
  for (const key in value) {
    if (!Object.hasOwn(value, key)) continue;
    walk.keys[inside] = key;
    count(key.length, walk);
    const member = (value as Readonly<Record<string, unknown>>)[key];
    if (member !== undefined) copied[key] = copy(member, walk);
  }
  return copied;
}

function leaf(value: unknown): JsonValue {
  if (value === null || value === undefined) return null;
  if (typeof value === "string" || typeof value === "boolean") return value;
  if (typeof value === "number" && Number.isFinite(value)) return value;
  return opaqueOf(value);
}

function opaque(marker: JsonValue, walk: Walk): JsonValue {
  walk.hasOpaque = true;
  return marker;
}

/** An object literal of any realm, or one without a prototype; a copy of anything else would lose its behaviour. */
function isPlain(value: object): boolean {
  const prototype: unknown = Object.getPrototypeOf(value);
  if (prototype === Object.prototype) return true;
  if (prototype === null) return !isOpaque(value);
  return Object.getPrototypeOf(prototype) === null && Object.hasOwn(prototype as object, "hasOwnProperty");
}

function count(units: number, walk: Walk): void {
  walk.units += units;
  if (walk.units > MAX_BYTES) throw tooLarge(walk);
}

function bytesOf(value: JsonValue): number {
  if (typeof value === "string") return utf8Bytes(value) + 1;
  if (typeof value !== "object" || value === null) return 1;
  let bytes = 1;
  if (Array.isArray(value)) for (const item of value) bytes += bytesOf(item);
  else for (const [key, member] of Object.entries(value)) bytes += utf8Bytes(key) + bytesOf(member);
  return bytes;
}

function utf8Bytes(text: string): number {
  let bytes = text.length;
  for (let at = 0; at < text.length; at++) {
    const unit = text.charCodeAt(at);
    // A surrogate pair is four bytes, so each of its halves counts for two.
    if (unit >= 0x80) bytes += unit < 0x800 || (unit >= 0xd800 && unit <= 0xdfff) ? 1 : 2;
  }
  return bytes;
}

function melt(value: JsonValue, isKnownPlain: boolean): unknown {
  if (typeof value !== "object" || value === null) return value;
  const reference = isKnownPlain ? undefined : referenceOf(value);
  if (reference !== undefined) return reference.value;
  // What is JSON and no array is an object of it.
  return Array.isArray(value)
    ? meltItems(value, isKnownPlain)
    : meltMembers(value as JsonObject, isKnownPlain);
}

function meltItems(items: readonly JsonValue[], isKnownPlain: boolean): unknown[] {
  const fresh = listOf<unknown>(items.length);
  for (let at = 0; at < items.length; at++) fresh[at] = melt(items[at]!, isKnownPlain);
  return fresh;
}

function meltMembers(members: JsonObject, isKnownPlain: boolean): Record<string, unknown> {
  const fresh: Record<string, unknown> = {};
  for (const key in members) {
    if (!Object.hasOwn(members, key)) continue;
    const melted = melt(members[key]!, isKnownPlain);
    if (key === "__proto__") {
      Object.defineProperty(fresh, key, {
        value: melted,
        enumerable: true,
        writable: true,
        configurable: true,
      });
    } else fresh[key] = melted;
  }
  return fresh;
}

function tooLarge(walk: Walk): AgentplaneError {
  return refused("it is larger than 5 MiB; pass a reference to it instead", walk);
}

function refused(why: string, walk: Walk, cause?: unknown): AgentplaneError {
  const path = shownPath(walk.keys);
  return new AgentplaneError("content_refused", `the content cannot be used: at ${shorten(path)} ${why}`, {
    data: { path: shorten(path) },
    cause,
  });
}

/** The path of something too deep would itself be too long to read. */
function shorten(path: string): string {
  return path.length <= 120 ? path : `${path.slice(0, 120)}…`;
}
