import type { SlicedWork } from "./sliced-work.ts";

/** So many items are sorted, or merged, in one step. */
const RUN = 128;

/**
 * Sorts a list in steps: runs of 128, merged pair by pair. Stable, O(n log n).
 * @param compare As for `toSorted`.
 */
export function* sortInSlices<T>(
  items: readonly T[],
  compare: (a: T, b: T) => number,
): SlicedWork<readonly T[]> {
  let from: readonly T[] = yield* sortRuns(items, compare);
  for (let width = RUN; width < items.length; width *= 2) {
    const into: T[] = [];
    for (let start = 0; start < from.length; start += 2 * width) {
      let left = start;
      let right = Math.min(start + width, from.length);
      const [leftEnd, rightEnd] = [right, Math.min(start + 2 * width, from.length)];
      while (left < leftEnd || right < rightEnd) {
        const isLeft = right === rightEnd || (left < leftEnd && compare(from[left]!, from[right]!) <= 0);
        into.push(isLeft ? from[left++]! : from[right++]!);
        if (into.length % RUN === 0) yield;
      }
    }
    from = into;
  }
  return from;
}

function* sortRuns<T>(items: readonly T[], compare: (a: T, b: T) => number): SlicedWork<readonly T[]> {
  const sorted: T[] = [];
  for (let start = 0; start < items.length; start += RUN) {
    sorted.push(...items.slice(start, start + RUN).toSorted(compare));
    yield;
  }
  return sorted;
}
