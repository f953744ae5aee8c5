import * as fc from "fast-check";
import { expect, test } from "vitest";

import type { JsonValue } from "../../src/base/json.ts";
import { isOrdinaryPolicy } from "../../src/load/ordinary-policy.ts";
import { policySchema } from "../../src/load/schema.ts";

const pattern = fc.oneof(
  { weight: 20, arbitrary: fc.constantFrom("a", "b-*", "!a", "x".repeat(512)) },
  { weight: 1, arbitrary: fc.constantFrom("!", "!!a", "", "x".repeat(513)) },
  { weight: 1, arbitrary: fc.string() },
);
const patterns = fc.oneof(
  { weight: 20, arbitrary: fc.array(pattern, { minLength: 1, maxLength: 3 }) },
  fc.jsonValue(),
);
const odd = <T>(usual: fc.Arbitrary<T>): fc.Arbitrary<unknown> =>
  fc.oneof({ weight: 40, arbitrary: usual }, fc.jsonValue());
/** Mostly the first ones. */
const mostly = <T>(right: readonly T[], wrong: readonly T[]): fc.Arbitrary<unknown> =>
  odd(fc.oneof({ weight: 20, arbitrary: fc.constantFrom(...right) }, fc.constantFrom(...wrong)));

const anySelector = fc.record(
  { agents: patterns, tenants: patterns, users: patterns, tools: patterns, hookpoints: patterns },
  { requiredKeys: [] },
);
const policy = fc.record(
  {
    id: mostly(["p", "a.b", "A1:x@y/z", "x".repeat(128)], ["-a", "", "x".repeat(129), "a b"]),
    description: mostly(["", "words", "x".repeat(2_000)], ["x".repeat(2_001)]),
    selector: fc.oneof(
      { weight: 10, arbitrary: odd(anySelector) },
      fc.constantFrom({ tags: { env: "prod" } }, { tool: ["a"] }, { agents: ["a"], tags: { env: [] } }),
    ),
    priority: mostly([0, -0, 1_000_000, -1_000_000], [1.5, 1_000_001, 2 ** 53]),
    mode: mostly(["enforce", "shadow"], ["off"]),
    onError: mostly(["block", "allow"], ["skip"]),
    blocking: mostly<JsonValue>([[], [1]], [{ length: 1 }]),
    nonBlocking: mostly<JsonValue>([[], ["rule"]], ["rule"]),
  },
  { requiredKeys: ["id"] },
);
/** A policy with a field that is rarely there, or never may be. */
const anyPolicy = fc.oneof(
  { weight: 10, arbitrary: policy },
  policy.map((value): unknown => ({ ...value, escalation: [] })),
  policy.map((value): unknown => ({ ...value, blocked: [] })),
  fc.jsonValue(),
);

test("what is accepted at once is what the schema accepts", () => {
  const seen = { accepted: 0, refused: 0 };
  fc.assert(
    fc.property(anyPolicy, (value) => {
      const isAccepted = isOrdinaryPolicy(value as JsonValue);
      seen[isAccepted ? "accepted" : "refused"]++;
      const issues = policySchema.safeParse(value).error?.issues ?? [];
      expect(isAccepted ? issues : []).toEqual([]);
    }),
    { numRuns: 5_000 },
  );
  // Otherwise the property would say nothing.
  expect(seen.accepted).toBeGreaterThan(50);
  expect(seen.refused).toBeGreaterThan(50);
});

test("the usual policy needs no schema", () => {
  const selector = { agents: ["billing-*"], tenants: ["acme"], tools: ["!delete_*"] };
  expect(isOrdinaryPolicy({ id: "p", description: "d", priority: 1, selector, blocking: [] })).toBe(true);
});
