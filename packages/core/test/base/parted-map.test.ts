import * as fc from "fast-check";
import { expect, test } from "vitest";

import { PartedMap } from "../../src/base/parted-map.ts";

test("a map in parts answers as a map does, also to empty and odd keys", () => {
  const key = fc.oneof(
    fc.string({ maxLength: 4 }),
    fc.constantFrom("", "a", "ab", "ba", "__proto__", "\uD800"),
  );
  fc.assert(
    fc.property(fc.array(key, { maxLength: 200 }), fc.array(key), (filed, asked) => {
      const parted = new PartedMap<number>();
      const oracle = new Map<string, number>();
      for (const [position, one] of filed.entries()) {
        parted.set(one, position);
        oracle.set(one, position);
      }
      for (const one of [...filed, ...asked]) expect(parted.get(one)).toBe(oracle.get(one));
    }),
  );
});
