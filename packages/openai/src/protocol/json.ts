/** A JSON object as a provider's API speaks it: every member is looked at before it is used. */
export type JsonRecord = Readonly<Record<string, unknown>>;

/** @returns The value when it is an object with members (no list), else undefined. */
export function recordOf(value: unknown): JsonRecord | undefined {
  return isRecord(value) ? value : undefined;
}

/** @returns The list, or an empty one for anything that is none. */
export function listOf(value: unknown): readonly unknown[] {
  return Array.isArray(value) ? value : [];
}

/** @returns A text that says something, else undefined. */
export function textOf(value: unknown): string | undefined {
  return typeof value === "string" && value !== "" ? value : undefined;
}

/** @returns A whole number from 0, else undefined: providers' counts are never trusted to be one. */
export function countOf(value: unknown): number | undefined {
  return typeof value === "number" && Number.isSafeInteger(value) && value >= 0 ? value : undefined;
}

/** @returns What the text says as JSON; undefined when it is none. */
export function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    // Not being JSON is an answer here: the caller then passes the text on as it is.
    return undefined;
  }
}

/** An object of those of the named members that are there. */
export function pickedOf(record: JsonRecord, members: readonly string[]): JsonRecord {
  return Object.fromEntries(
    members.flatMap((member) => (record[member] === undefined ? [] : [[member, record[member]]])),
  );
}

/** @returns A text as it is, and anything else as the JSON of it; an empty text for nothing. */
export function writtenOf(value: unknown): string {
  if (typeof value === "string") return value;
  return value === undefined || value === null ? "" : JSON.stringify(value);
}

/** Whether two values say the same JSON. What holds a `$opaque` never does: a plane's mark for what is none looks like it. */
export function isSameJson(one: unknown, other: unknown): boolean {
  if (typeof one !== "object" || one === null || typeof other !== "object" || other === null)
    return one === other;
  const names = Object.keys(one);
  return (
    Array.isArray(one) === Array.isArray(other) &&
    names.length === Object.keys(other).length &&
    names.every(
      (name) =>
        name !== "$opaque" &&
        Object.hasOwn(other, name) &&
        isSameJson(Reflect.get(one, name), Reflect.get(other, name)),
    )
  );
}

/** A copy with one deep member replaced; everything beside the path is shared. */
export function replacedAt(value: unknown, path: readonly (string | number)[], by: unknown): unknown {
  const [first, ...rest] = path;
  if (first === undefined) return by;
  if (Array.isArray(value)) {
    return value.map((member: unknown, at) => (at === first ? replacedAt(member, rest, by) : member));
  }
  if (!isRecord(value)) return value;
  return { ...value, [first]: replacedAt(value[first], rest, by) };
}

function isRecord(value: unknown): value is JsonRecord {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
