/** The paths of everything in a value that is not frozen or has a prototype other than null or an array's. */
export function looseParts(value: unknown, path = "$"): readonly string[] {
  if (typeof value !== "object" || value === null) return [];
  const prototype: unknown = Object.getPrototypeOf(value);
  const isRight = Object.isFrozen(value) && (Array.isArray(value) || prototype === null);
  return [
    ...(isRight ? [] : [path]),
    ...Object.entries(value).flatMap(([key, member]) => looseParts(member, `${path}.${key}`)),
  ];
}

/** The paths of everything in a value that is frozen or has another prototype than an object literal or array. */
export function rigidParts(value: unknown, path = "$"): readonly string[] {
  if (typeof value !== "object" || value === null) return [];
  const prototype: unknown = Object.getPrototypeOf(value);
  const isRight =
    !Object.isFrozen(value) && prototype === (Array.isArray(value) ? Array.prototype : Object.prototype);
  return [
    ...(isRight ? [] : [path]),
    ...Object.entries(value).flatMap(([key, member]) => rigidParts(member, `${path}.${key}`)),
  ];
}
