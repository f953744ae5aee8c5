const GUARDED = new WeakSet<object>();

/** Marks a guarded model, and how it describes itself to callback handlers, who are told before the call is decided. */
export function markGuarded<D extends object>(description: D): D {
  GUARDED.add(description);
  return description;
}

/** Whether it is a guarded model, or tells of a call that one puts to its plane itself. */
export function isMarkedGuarded(description: unknown): boolean {
  return typeof description === "object" && description !== null && GUARDED.has(description);
}
