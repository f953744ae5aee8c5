import type { JsonObject, JsonValue } from "../base/json.ts";
import { emptyMembers } from "./members.ts";
import { hasOpaque, markHolder } from "./opaque.ts";
import { SnapshotMark } from "./snapshot-mark.ts";

/** Says that a member is left out. */
export const DROPPED = Symbol("dropped");

/** What becomes of an object's members; returning the same name and value changes nothing. */
export interface MemberChange {
  name(key: string): string;
  /** @param name What the member will be called; differs from `key` only where `name` changed it. */
  value(value: JsonValue, key: string, name: string): JsonValue | typeof DROPPED;
}

/** What becomes of an array's items; returning the same value changes nothing. */
export interface ItemChange {
  item(value: JsonValue, position: number): JsonValue;
}

/** Builds an array with changed items: a new frozen one where something changed, the same one otherwise. */
export function rebuildItems(items: readonly JsonValue[], change: ItemChange): readonly JsonValue[] {
  let built: JsonValue[] | undefined;
  for (let at = 0; at < items.length; at++) {
    const item = items[at]!;
    const next = change.item(item, at);
    if (next === item) continue;
    built ??= [...items];
    built[at] = next;
  }
  return built === undefined ? items : sealItems(built, items);
}

/**
 * Builds an object with changed members: a new frozen one where something changed, the same one otherwise. Two members
 * that get one name both stay: the later is numbered.
 */
export function rebuildMembers(source: JsonObject, change: MemberChange): JsonObject {
  let built: Record<string, JsonValue> | undefined;
  let numbers: Map<string, number> | undefined;
  // A list of the names would be one more object.
  for (const key in source) {
    if (!Object.hasOwn(source, key)) continue;
    const old = source[key]!;
    let name = change.name(key);
    if (name !== key) {
      built ??= membersBefore(source, key);
      numbers ??= new Map();
    }
    // Only a changed name can meet another.
    if (built !== undefined && numbers !== undefined && Object.hasOwn(built, name))
      name = freeName(built, name, numbers);
    const next = change.value(old, key, name);
    if (built === undefined) {
      if (next === old) continue;
      built = membersBefore(source, key);
    }
    if (next !== DROPPED) built[name] = next;
  }
  return built === undefined ? source : sealMembers(built, source);
}

/** The array with one item replaced. */
export function rebuildItem(
  items: readonly JsonValue[],
  position: number,
  next: JsonValue,
): readonly JsonValue[] {
  return rebuildItems(items, { item: (item, at) => (at === position ? next : item) });
}

/** The object with one member replaced or added at the end. */
export function rebuildMember(source: JsonObject, key: string, next: JsonValue): JsonObject {
  if (Object.hasOwn(source, key) && source[key] === next) return source;
  const built = membersBefore(source);
  built[key] = next;
  return sealMembers(built, source);
}

/** The members that stand before one; all of them without one. */
function membersBefore(source: JsonObject, end?: string): Record<string, JsonValue> {
  const built = emptyMembers();
  for (const key in source) {
    if (key === end) break;
    if (Object.hasOwn(source, key)) built[key] = source[key]!;
  }
  return built;
}

/** Remembers the last number of each name: counting from the start would be quadratic in names that become one. */
function freeName(taken: JsonObject, name: string, numbers: Map<string, number>): string {
  let number = (numbers.get(name) ?? 1) + 1;
  while (Object.hasOwn(taken, `${name}_${number}`)) number++;
  numbers.set(name, number);
  return `${name}_${number}`;
}

/** What is built from a snapshot, sharing its parts, is a snapshot too: it need not be copied again. */
function sealItems(items: JsonValue[], source: readonly JsonValue[]): readonly JsonValue[] {
  if (items.some(hasOpaque)) markHolder(items);
  if (SnapshotMark.isOn(source)) SnapshotMark.put(items);
  return Object.freeze(items);
}

function sealMembers(members: Record<string, JsonValue>, source: JsonObject): JsonObject {
  for (const key in members) {
    if (hasOpaque(members[key]!)) {
      markHolder(members);
      break;
    }
  }
  if (SnapshotMark.isOn(source)) SnapshotMark.put(members);
  return Object.freeze(members);
}
