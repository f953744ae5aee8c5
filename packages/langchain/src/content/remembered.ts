/** Nothing is the same as what lies deeper than rules look. */
const MAX_DEPTH = 128;

/** What data was, whatever becomes of the objects that hold it. */
export type Remembered = (now: unknown) => boolean;

/**
 * Takes note of what rules look at in a value: texts by themselves, lists and object literals by what they hold, and what is
 * no data, into which no rule looks, by its identity. It costs as much as there are members, however long their texts are.
 * @returns Says whether another value is the same.
 */
export function remembered(value: unknown): Remembered {
  const copy = copyOf(value, 0);
  return (now) => isSame(copy, now, 0);
}

function copyOf(value: unknown, depth: number): unknown {
  if (!isContainer(value)) return value;
  if (depth === MAX_DEPTH) return TOO_DEEP;
  if (Array.isArray(value)) return value.map((item: unknown) => copyOf(item, depth + 1));
  return new Map(Object.entries(value).map(([name, member]) => [name, copyOf(member, depth + 1)]));
}

const TOO_DEEP = Symbol("too deep");

function isSame(copy: unknown, now: unknown, depth: number): boolean {
  if (!isContainer(now)) return Object.is(copy, now);
  if (depth === MAX_DEPTH) return false;
  if (Array.isArray(now)) {
    if (!Array.isArray(copy) || copy.length !== now.length) return false;
    return now.every((item, at) => isSame(copy[at], item, depth + 1));
  }
  if (!(copy instanceof Map)) return false;
  const members = Object.entries(now);
  return (
    members.length === copy.size &&
    members.every(([name, member]) => copy.has(name) && isSame(copy.get(name), member, depth + 1))
  );
}

/** A list, or an object literal of any realm. */
function isContainer(value: unknown): value is object {
  if (typeof value !== "object" || value === null) return false;
  if (Array.isArray(value)) return true;
  const prototype: unknown = Object.getPrototypeOf(value);
  return prototype === null || Object.getPrototypeOf(prototype) === null;
}
