/** A value now, or a promise of it: the engine stays synchronous until the first promise appears. */
export type MaybePromise<T> = T | Promise<T>;

/**
 * Tells whether a value must be awaited.
 * @param value Anything a rule, store or hook returned.
 */
export function isThenable<T>(value: MaybePromise<T>): value is Promise<T> {
  // Asked of objects of every shape: reading a member that is not there costs less than asking whether it is.
  const type = typeof value;
  return (
    (type === "object" || type === "function") &&
    typeof (value as Partial<Promise<T>> | null)?.then === "function"
  );
}

/**
 * Continues with a value at once, or after its promise, without creating a promise for a value.
 * @param value A value or a promise of it.
 * @param next Receives the settled value; may itself return a promise.
 * @returns The result of `next`, synchronous when nothing was awaited.
 * @example andThen(store.read(key), (found) => found ?? fallback);
 */
export function andThen<T, R>(value: MaybePromise<T>, next: (value: T) => MaybePromise<R>): MaybePromise<R> {
  return isThenable(value) ? value.then(next) : next(value);
}

/**
 * The same for a hot path: what `next` needs besides the value is handed in, so that no closure is made for the case
 * that nothing has to be waited for.
 * @param next A function that captures nothing.
 * @param state What it works on.
 */
export function andThenWith<T, S, R>(
  value: MaybePromise<T>,
  next: (value: T, state: S) => MaybePromise<R>,
  state: S,
): MaybePromise<R> {
  return isThenable(value) ? laterWith(value, next, state) : next(value, state);
}

/** Apart, because a function that contains a closure pays for it whether or not it gets there. */
function laterWith<T, S, R>(
  value: Promise<T>,
  next: (value: T, state: S) => MaybePromise<R>,
  state: S,
): Promise<R> {
  return value.then((settled) => next(settled, state));
}
