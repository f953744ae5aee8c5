const GUARDED = new WeakSet<object>();

/** Marks how a guarded model describes itself to callback handlers, who are told before the call is decided. */
export function markGuarded<D extends object>(description: D): D {
  GUARDED.add(description);
  return description;
}

/** Whether the call that a callback handler is told of is one that a guarded model puts to its plane itself. */
export function isMarkedGuarded(description: unknown): boolean {
  return typeof description === "object" && description !== null && GUARDED.has(description);
}
