import { AgentplaneError } from "../base/errors.ts";
import type { JsonObject, JsonValue } from "../base/json.ts";
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
  const walk: Walk = { inside: undefined, units: 0, hasOpaque: false };
  let copied: JsonValue;
  try {
    copied = copy(value, walk);
  } catch (cause) {
    if (cause instanceof AgentplaneError) throw cause;
    throw refused("it throws while it is read; pass plain data", walk, cause);
  }
  if (isTooLarge(copied, walk.units)) throw tooLarge(walk);
  return copied;
}

function bareText(text: string): string {
  // One value, as an item would count.
  if (isTooLarge(text, text.length + 1)) throw tooLarge({ inside: undefined, units: 0, hasOpaque: false });
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

/** A container whose parts are being copied, in the one around it: most content is too flat for a list of them. */
interface Step {
  readonly container: object;
  readonly outer: Step | undefined;
  readonly depth: number;
  /** The part that is copied now. */
  key: string | number;
}

interface Walk {
  /** The innermost container that is not finished. */
  inside: Step | undefined;
  /** UTF-16 units of all texts and names, plus one for every value: a lower bound of the bytes. */
  units: number;
  /** Whether a marker was made below the current container. */
  hasOpaque: boolean;
}

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
  const outer = walk.inside;
  const depth = outer === undefined ? 1 : outer.depth + 1;
  if (depth > MAX_DEPTH) throw refused(`it is nested more than ${MAX_DEPTH} deep; flatten it`, walk);
  if (isWithin(outer, value)) throw refused("it contains itself; pass a tree", walk);
  const hadOpaque = walk.hasOpaque;
  walk.hasOpaque = false;
  const step: Step = { container: value, outer, depth, key: 0 };
  walk.inside = step;
  const copied = isArray ? copyItems(value, step, walk) : copyMembers(value, step, walk);
  walk.inside = outer;
  if (walk.hasOpaque) markHolder(copied);
  walk.hasOpaque ||= hadOpaque;
  // The whole only: its parts alone were not measured.
  if (outer === undefined) SnapshotMark.put(copied);
  return Object.freeze(copied);
}

function isWithin(innermost: Step | undefined, value: object): boolean {
  for (let step = innermost; step !== undefined; step = step.outer) if (step.container === value) return true;
  return false;
}

function copyItems(items: readonly unknown[], step: Step, walk: Walk): JsonValue[] {
  const copied: JsonValue[] = [];
  const { length } = items;
  for (let at = 0; at < length; at++) {
    step.key = at;
    copied.push(copy(items[at], walk));
  }
  return copied;
}

function copyMembers(value: object, step: Step, walk: Walk): Record<string, JsonValue> {
  // Without a prototype every name is data, `__proto__` and `constructor` too.
  const copied = emptyMembers();
  const keys = Object.keys(value);
  for (let at = 0; at < keys.length; at++) {
    const key = keys[at]!;
    step.key = key;
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
  if (Array.isArray(value)) return value.map((item: JsonValue) => melt(item, isKnownPlain));
  const fresh: Record<string, unknown> = {};
  // What is JSON and no array is an object of it.
  const members = value as JsonObject;
  // A list of the names would be one more object.
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
  const keys: (string | number)[] = [];
  for (let step = walk.inside; step !== undefined; step = step.outer) keys.unshift(step.key);
  const path = shownPath(keys);
  return new AgentplaneError("content_refused", `the content cannot be used: at ${shorten(path)} ${why}`, {
    data: { path: shorten(path) },
    cause,
  });
}

/** The path of something too deep would itself be too long to read. */
function shorten(path: string): string {
  return path.length <= 120 ? path : `${path.slice(0, 120)}…`;
}
