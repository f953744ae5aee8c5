import * as fc from "fast-check";
import { describe, expect, test } from "vitest";

import type { JsonValue } from "../../src/base/json.ts";
import { applyRewrites, type OwnedRewrite } from "../../src/context/rewrite.ts";
import { snapshot } from "../../src/context/snapshot.ts";
import { looseParts } from "./frozen.ts";

const input = snapshot({ limit: 500, items: [{ name: "a" }, { name: "b" }], where: { id: 1 } });

function wish(policyId: string, path: string, value: JsonValue): OwnedRewrite {
  return { policyId, ruleId: `${policyId}-rule`, obligation: { path, value } };
}

test("applies rewrites of different paths, whatever their order", () => {
  const wishes = [
    wish("p", "$.limit", 10),
    wish("q", "$.items[1].name", { x: [1] }),
    wish("r", "$.added", true),
  ];
  for (const order of [wishes, wishes.toReversed()]) {
    const { value, conflict, unresolved } = applyRewrites(input, order);
    expect([conflict, unresolved]).toStrictEqual([undefined, undefined]);
    expect(value).toEqual({
      limit: 10,
      items: [{ name: "a" }, { name: { x: [1] } }],
      where: { id: 1 },
      added: true,
    });
    expect(looseParts(value)).toStrictEqual([]);
    expect(snapshot(value)).toBe(value);
  }
});

test("leaves the original and the policy's own value untouched", () => {
  fc.assert(
    fc.property(fc.jsonValue(), (next) => {
      const before = JSON.stringify(input);
      const policyValue = JSON.stringify(next);
      const { value } = applyRewrites(input, [wish("p", "$.where.id", next as JsonValue)]);
      expect(JSON.stringify(input)).toBe(before);
      expect(JSON.stringify(next)).toBe(policyValue);
      expect(looseParts(value)).toStrictEqual([]);
    }),
  );
});

test("returns the very value without rewrites, and when they change nothing", () => {
  expect(applyRewrites(input, []).value).toBe(input);
  expect(applyRewrites(input, [wish("p", "$.limit", 500)]).value).toBe(input);
});

describe("two rewrites of one path", () => {
  test.for([
    ["$.limit", "$.limit"],
    ["$.limit", '$["limit"]'],
    ["$.items", "$.items[0].name"],
    ["$", "$.limit"],
  ])("that differ are a conflict: %s and %s", ([first, second]) => {
    for (const [a, b] of [
      [first, second],
      [second, first],
    ] as const) {
      const { value, conflict } = applyRewrites(input, [wish("p", a!, 1), wish("q", b!, 2)]);
      expect(value).toBe(input);
      expect(conflict?.by).toStrictEqual(["p/p-rule", "q/q-rule"]);
      expect([a, b]).toContain(conflict?.path);
    }
  });

  test("that are equal are one, also when the names of their members are ordered differently", () => {
    const equal = [wish("p", "$.where", { a: 1, b: 2 }), wish("q", "$.where", { b: 2, a: 1 })];
    expect(applyRewrites(input, equal).conflict).toBeUndefined();
  });

  test("do not conflict with a neighbour whose name starts alike", () => {
    expect(
      applyRewrites(input, [wish("p", "$.limit", 1), wish("q", "$.limits", 2)]).conflict,
    ).toBeUndefined();
  });
});

test.for([
  "$.no.where",
  "$.items[5]",
  "limit",
  "$.__proto__.polluted",
  "$.constructor",
  '$["prototype"]',
  "$.limit.x",
])("names the rule whose path %s cannot be resolved, and changes nothing", (path) => {
  const { value, unresolved } = applyRewrites(
    input,
    [wish("p", "$.limit", 1), wish("q", path, 2)].slice(path === "$.limit.x" ? 1 : 0),
  );
  expect(value).toBe(input);
  expect(unresolved).toStrictEqual({ path, policyId: "q", ruleId: "q-rule" });
  expect(({} as Record<string, unknown>)["polluted"]).toBeUndefined();
});
