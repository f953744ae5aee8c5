/** A rule may ask elsewhere, about each item of a list: all at once would be too many for whoever is asked. */
const AT_ONCE = 16;

/**
 * Does the same with each item, a few beside each other where it takes its time.
 * @returns What became of each, in the order of the items.
 */
export async function besideEachOther<T, R>(
  items: readonly T[],
  act: (item: T) => R | PromiseLike<R>,
): Promise<readonly R[]> {
  const results: R[] = [];
  const waiting = items.entries();
  const work = async (): Promise<void> => {
    // oxlint-disable-next-line no-await-in-loop -- the next one of this turn
    for (const [at, item] of waiting) results[at] = await act(item);
  };
  await Promise.all(Array.from({ length: Math.min(AT_ONCE, items.length) }, work));
  return results;
}

/** The items in as many pieces as are dealt with at once. */
export function inPieces<T>(items: readonly T[]): readonly (readonly T[])[] {
  const length = Math.min(AT_ONCE, items.length);
  const start = (at: number): number => Math.floor((at * items.length) / length);
  return Array.from({ length }, (_piece, at) => items.slice(start(at), start(at + 1)));
}
