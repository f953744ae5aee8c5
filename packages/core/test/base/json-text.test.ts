import * as fc from "fast-check";
import { expect, test } from "vitest";

import { written } from "../../src/base/json-text.ts";

test("writes every number as JSON.stringify does", () => {
  const durations = fc.integer({ min: -10, max: 2_000_000 }).map((micros) => micros / 1_000);
  const odd = fc.constantFrom(0, -0, 0.0005, 0.9995, 0.9999, 1e-7, 1e21, Number.NaN, Infinity, -Infinity);
  fc.assert(
    fc.property(fc.oneof(durations, fc.double(), odd, fc.double({ min: 0, max: 1 })), (value) => {
      expect(written(value)).toBe(JSON.stringify(value));
    }),
    { numRuns: 2_000 },
  );
});
