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
  const copy = copyOf(value, { depth: 0, copies: new Map() });
  return (now) => isSame(copy, now, { depth: 0, compared: new Map() });
}

interface Copying {
  readonly depth: number;
  /** What stands in several places is copied once: the ways to it may be more than could ever be gone. */
  readonly copies: Map<object, unknown>;
}

function copyOf(value: unknown, { depth, copies }: Copying): unknown {
  if (!isContainer(value)) return value;
  if (depth === MAX_DEPTH) return TOO_DEEP;
  const earlier = copies.get(value);
  if (earlier !== undefined) return earlier;
  // Inside of itself it is a circle, which no rule can read.
  copies.set(value, TOO_DEEP);
  const within = { depth: depth + 1, copies };
  const copy = Array.isArray(value)
    ? value.map((item: unknown) => copyOf(item, within))
    : new Map(Object.entries(value).map(([name, member]) => [name, copyOf(member, within)]));
  copies.set(value, copy);
  return copy;
}

const TOO_DEEP = Symbol("too deep");

interface Comparing {
  readonly depth: number;
  /** The copy that a container was the same as; the first difference ends it all. */
  readonly compared: Map<object, unknown>;
}

function isSame(copy: unknown, now: unknown, { depth, compared }: Comparing): boolean {
  if (!isContainer(now)) return Object.is(copy, now);
  if (depth === MAX_DEPTH || copy === TOO_DEEP) return false;
  if (compared.get(now) === copy) return true;
  const within = { depth: depth + 1, compared };
  if (!isSameInside(copy, now, within)) return false;
  compared.set(now, copy);
  return true;
}

function isSameInside(copy: unknown, now: object, within: Comparing): boolean {
  if (Array.isArray(now)) {
    if (!Array.isArray(copy) || copy.length !== now.length) return false;
    return now.every((item, at) => isSame(copy[at], item, within));
  }
  if (!(copy instanceof Map)) return false;
  const members = Object.entries(now);
  return (
    members.length === copy.size &&
    members.every(([name, member]) => copy.has(name) && isSame(copy.get(name), member, within))
  );
}

/** A list, or an object literal of any realm. */
function isContainer(value: unknown): value is object {
  if (typeof value !== "object" || value === null) return false;
  if (Array.isArray(value)) return true;
  const prototype: unknown = Object.getPrototypeOf(value);
  return prototype === null || Object.getPrototypeOf(prototype) === null;
}
