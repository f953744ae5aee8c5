import { expect, test } from "vitest";

import { resolveIdentity, type IdentityClaim, type IdentitySource } from "../../src/context/identity.ts";

/** What options, async-scope and framework say, in that order. */
function sources(...claims: readonly IdentityClaim[]): readonly IdentitySource[] {
  return ["options", "async-scope", "framework"]
    .slice(0, claims.length)
    .map((name, at) => ({ name, identity: claims[at]! }));
}

const trusted = ["framework"];

test.for<[string, readonly IdentityClaim[], readonly string[], unknown]>([
  ["the first source is believed", [{ tenant: "a" }], [], { identity: { tenant: "a" } }],
  ["no source says nothing", [], trusted, { identity: {} }],
  ["an untrusted source fills no gap", [{ agent: "x" }, { tenant: "a" }], [], { identity: { agent: "x" } }],
  [
    "a trusted one does",
    [{ agent: "x" }, {}, { tenant: "a" }],
    trusted,
    { identity: { agent: "x", tenant: "a" } },
  ],
  [
    "an agreeing source changes nothing",
    [{ tenant: "a" }, { tenant: "a" }],
    [],
    { identity: { tenant: "a" } },
  ],
  [
    "a trusted source that agrees with an untrusted one is enough",
    [{}, { user: "u" }, { user: "u" }],
    trusted,
    { identity: { user: "u" } },
  ],
  [
    "NFC makes one of two spellings",
    [{ user: "e\u0301" }, { user: "\u00E9" }],
    [],
    { identity: { user: "\u00E9" } },
  ],
  [
    "an untrusted source may not contradict",
    [{ tenant: "a" }, { tenant: "b" }],
    [],
    { conflict: { field: "tenant", sources: ["options", "async-scope"] } },
  ],
  [
    "a trusted source may not contradict",
    [{ tenant: "a" }, {}, { tenant: "b" }],
    trusted,
    { conflict: { field: "tenant", sources: ["options", "framework"] } },
  ],
  [
    "later sources may not contradict each other",
    [{}, { tenant: "a" }, { tenant: "b" }],
    trusted,
    { conflict: { field: "tenant", sources: ["async-scope", "framework"] } },
  ],
  [
    "a contradiction is by a field of any kind",
    [{ session: "s" }, { session: "t" }],
    [],
    { conflict: { field: "session", sources: ["options", "async-scope"] } },
  ],
  [
    "a lineage agrees item by item",
    [{ ancestors: ["a", "b"] }, { ancestors: ["a", "b"] }],
    [],
    { identity: { ancestors: ["a", "b"] } },
  ],
  [
    "a lineage contradicts in another order",
    [{ ancestors: ["a", "b"] }, { ancestors: ["b", "a"] }],
    [],
    { conflict: { field: "ancestors", sources: ["options", "async-scope"] } },
  ],
  [
    "no ancestors is something said",
    [{ ancestors: [] }, { ancestors: ["a"] }],
    trusted,
    { conflict: { field: "ancestors", sources: ["options", "async-scope"] } },
  ],
  [
    "all fields at once",
    [{ agent: "a", runId: "r" }, {}, { tenant: "t", user: "u", session: "s", ancestors: [] }],
    trusted,
    { identity: { agent: "a", runId: "r", tenant: "t", user: "u", session: "s", ancestors: [] } },
  ],
])("%s", ([, claims, trust, expected]) => {
  expect(resolveIdentity(sources(...claims), trust)).toStrictEqual(expected);
});

test("a source that is named like a trusted one but comes first is still the first", () => {
  expect(resolveIdentity([{ name: "framework", identity: { tenant: "a" } }], [])).toStrictEqual({
    identity: { tenant: "a" },
  });
});
