import * as fc from "fast-check";
import { expect, test } from "vitest";

import { ChurnMap } from "../../src/base/churn-map.ts";

test("keeps what is set until it is deleted, and nothing of its own", () => {
  const map = new ChurnMap<number>();
  expect(map.size).toBe(0);
  map.set("", 0);
  map.set("a", 1);
  expect([map.get(""), map.get("a"), map.get("b"), map.size]).toStrictEqual([0, 1, undefined, 2]);
  expect([map.delete("a"), map.delete("a"), map.size]).toStrictEqual([true, false, 1]);
  expect(map.get("a")).toBeUndefined();
});

test("visits every entry, also while the visited ones are taken out", () => {
  const map = new ChurnMap<number>();
  for (const [at, key] of ["a", "b", "c"].entries()) map.set(key, at);
  const seen: string[] = [];
  map.forEach((value, key) => {
    seen.push(`${key}${value}`);
    map.delete(key);
  });
  expect(seen).toStrictEqual(["a0", "b1", "c2"]);
  expect(map.size).toBe(0);
});

test("answers as a map does, whatever comes and goes", () => {
  const key = fc.constantFrom("", "a", "b", "c", "d");
  const act = fc.record({ act: fc.constantFrom("set", "set", "delete", "get"), key, value: fc.nat() });
  fc.assert(
    fc.property(fc.array(act, { maxLength: 60 }), (acts) => {
      const map = new ChurnMap<number>();
      const oracle = new Map<string, number>();
      for (const { act: what, key: one, value } of acts) {
        if (what === "set") {
          map.set(one, value);
          oracle.set(one, value);
        }
        const wasThere = what === "delete" && [map.delete(one), oracle.delete(one)];
        expect(wasThere === false || wasThere[0] === wasThere[1]).toBe(true);
        expect([map.get(one), map.size]).toStrictEqual([oracle.get(one), oracle.size]);
      }
      const seen = new Map<string, number>();
      map.forEach((value, one) => seen.set(one, value));
      expect(Object.fromEntries(seen)).toStrictEqual(Object.fromEntries(oracle));
    }),
  );
});
