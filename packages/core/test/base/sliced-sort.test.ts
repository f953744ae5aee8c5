import * as fc from "fast-check";
import { expect, test } from "vitest";

import { sortInSlices } from "../../src/base/sliced-sort.ts";
import { drain } from "../../src/base/sliced-work.ts";

test("sorts as toSorted does, equal items in their order", () => {
  const item = fc.record({ key: fc.integer({ min: 0, max: 50 }), at: fc.nat() });
  fc.assert(
    fc.property(fc.array(item, { maxLength: 1_500, size: "max" }), (items) => {
      const compare = (a: { key: number }, b: { key: number }): number => a.key - b.key;
      expect(drain(sortInSlices(items, compare))).toEqual(items.toSorted(compare));
    }),
    { numRuns: 60 },
  );
});

test("lets others go first again and again", () => {
  const work = sortInSlices(
    Array.from({ length: 10_000 }, (_, at) => (at * 7_919) % 10_000),
    (a, b) => a - b,
  );
  let steps = 0;
  while (work.next().done !== true) steps++;
  expect(steps).toBeGreaterThan(500);
});
