import type { GovernedPlane } from "./plane.ts";

interface Mark {
  readonly plane: GovernedPlane;
  /** What was guarded. */
  readonly original: object;
}

const marks = new WeakMap<object, Mark>();

/** Remembers that something already goes through a plane; given back for convenience. */
export function markGuarded<T extends object>(guarded: T, mark: Mark): T {
  marks.set(guarded, mark);
  return guarded;
}

/** Whether something goes through this plane by itself. */
export function isGuarded(value: object | undefined, plane: GovernedPlane): boolean {
  return value !== undefined && marks.get(value)?.plane === plane;
}

/**
 * What to guard: the thing itself, or what is inside when the same plane already guards it, such as for the application
 * as a whole. One call is decided once, and whoever guards last knows best for whom it is made and who approves.
 */
export function unguarded<T extends object>(value: T, plane: GovernedPlane): T {
  const mark = marks.get(value);
  // What was guarded is of the type of what guarding it gives.
  return mark?.plane === plane ? (mark.original as T) : value;
}
