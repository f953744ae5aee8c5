import * as fc from "fast-check";
import { describe, expect, test } from "vitest";

import type { ToolCall } from "../../src/context/context.ts";
import { compilePatterns, compileSelector, matchesTool } from "../../src/policy/compile-selector.ts";

/** A glob by its definition, exponential and obvious: the oracle. */
function globMatches(pattern: string, value: string): boolean {
  if (pattern === "") return value === "";
  const [head, rest] = [pattern[0], pattern.slice(1)];
  if (head === "*") return globMatches(rest, value) || (value !== "" && globMatches(pattern, value.slice(1)));
  return value !== "" && (head === "?" || head === value[0]) && globMatches(rest, value.slice(1));
}

function naiveMatches(patterns: readonly string[], value: string): boolean {
  const excluded = patterns.filter((p) => p.startsWith("!")).map((p) => p.slice(1));
  const positive = patterns.filter((p) => !p.startsWith("!"));
  const selected = positive.length === 0 ? excluded.length > 0 : positive.some((p) => globMatches(p, value));
  return selected && !excluded.some((p) => globMatches(p, value));
}

const word = fc.string({ unit: fc.constantFrom("a", "b", "*", "?"), maxLength: 5 });
const patterns = fc.array(
  fc.tuple(fc.boolean(), word).map(([isExclusion, text]) => (isExclusion ? `!${text}` : text)),
  { maxLength: 4 },
);
const value = fc.string({ unit: fc.constantFrom("a", "b", "c"), maxLength: 6 });

describe("a pattern list", () => {
  test("matches what the definition of globs and exclusions says", () => {
    fc.assert(
      fc.property(patterns, value, (list, text) => {
        expect(compilePatterns(list).matches(text)).toBe(naiveMatches(list, text));
      }),
      { numRuns: 2_000 },
    );
  });

  test("does not depend on the order of its patterns", () => {
    fc.assert(
      fc.property(patterns, value, (list, text) => {
        expect(compilePatterns(list.toReversed()).matches(text)).toBe(compilePatterns(list).matches(text));
      }),
    );
  });

  test("files under literals only when no positive pattern is a glob, and under a prefix of every match", () => {
    expect(compilePatterns(["a", "b", "!c*"]).literals).toEqual(["a", "b"]);
    expect(compilePatterns(["a", "b*"]).literals).toBeUndefined();
    expect(compilePatterns(["!a"]).prefixes).toEqual([""]);
    fc.assert(
      fc.property(patterns, value, (list, text) => {
        const { matches, literals, prefixes } = compilePatterns(list);
        fc.pre(matches(text));
        expect(prefixes.some((prefix) => text.startsWith(prefix))).toBe(true);
        expect(literals ?? [text]).toContain(text);
      }),
    );
  });

  test("never matches an absent value, even with only exclusions or a star", () => {
    expect(compilePatterns(["*"]).matches(undefined)).toBe(false);
    expect(compilePatterns(["!a"]).matches(undefined)).toBe(false);
  });

  test("compares after NFC and case-sensitively", () => {
    const { matches } = compilePatterns(["cafe\u0301"]);
    expect(matches("café")).toBe(true);
    expect(matches("Café")).toBe(false);
  });
});

describe("a selector", () => {
  test("has a test for the dimensions that are set and no other", () => {
    const { agents, tenants, tags } = compileSelector({ tenants: ["acme"] });
    expect([agents, tags]).toEqual([undefined, undefined]);
    expect(tenants?.matches("acme")).toBe(true);
    expect(tenants?.matches(undefined)).toBe(false);
  });

  test("requires every named tag to be present and to match", () => {
    const { tags } = compileSelector({ tags: { env: "prod", team: ["a*", "!a2"] } });
    expect(tags?.({ env: "prod", team: "a1", other: "x" })).toBe(true);
    expect(tags?.({ env: "prod", team: "a2" })).toBe(false);
    expect(tags?.({ env: "prod" })).toBe(false);
  });

  test("knows a tag by its name, however that is composed", () => {
    const tags = { "r\u00e9gion": "eu" };
    expect(compileSelector({ tags: { "re\u0301gion": "eu" } }).tags?.(tags)).toBe(true);
    expect(compileSelector({ tags: { "re\u0301gion": "us" } }).tags?.(tags)).toBe(false);
  });

  test("does not take an inherited member for a tag", () => {
    expect(compileSelector({ tags: { toString: "*" } }).tags?.({})).toBe(false);
  });
});

describe("a tool under its several names", () => {
  const tool: ToolCall = { name: "crm_search", server: "crm", originalName: "search", input: null };
  const isMeant = (list: readonly string[], stance: "deny" | "allow"): boolean =>
    matchesTool(compilePatterns(list), tool, stance);

  test("is restricted by any of them", () => {
    for (const name of ["crm_search", "search", "crm/search"]) expect(isMeant([name], "deny")).toBe(true);
    expect(isMeant(["crm/crm_search"], "deny")).toBe(false);
  });

  test("is permitted only by its name or with its server, not by a name it borrows", () => {
    expect(isMeant(["crm_search"], "allow")).toBe(true);
    expect(isMeant(["crm/search"], "allow")).toBe(true);
    expect(isMeant(["search"], "allow")).toBe(false);
  });

  test("cannot escape a restriction through an exclusion that names only its original name", () => {
    expect(isMeant(["*", "!search"], "deny")).toBe(true);
    expect(isMeant(["*", "!crm/search"], "deny")).toBe(false);
  });

  test("loses a permission through an exclusion of any of its names", () => {
    expect(isMeant(["*", "!search"], "allow")).toBe(false);
  });
});

test("lists that look alike when they are joined are told apart", () => {
  expect(compilePatterns(["a\nb"]).matches("a")).toBe(false);
  expect(compilePatterns(["a", "b"]).matches("a")).toBe(true);
  expect(compilePatterns(["a\nb"]).matches("a\nb")).toBe(true);
  expect(compilePatterns(["a", "b"]).matches("a\nb")).toBe(false);
});
