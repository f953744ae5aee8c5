import { expect, test } from "vitest";

import { isSamePerson, personKey } from "../../src/state/person-key.ts";

test.for([
  "alice ",
  "Alice",
  "ALICE",
  "al\u200bice",
  "\uff41lice",
  "alice\0",
  "\ufeffalice",
  "a\u00adlice",
  "alice\ufe0f",
  "\u3164alice",
])("%j is alice", (name) => {
  expect(isSamePerson(name, "alice")).toBe(true);
});

test("spellings of one name are one person, and other names are not", () => {
  expect(isSamePerson("Ren\u00e9", "rene\u0301")).toBe(true);
  expect(isSamePerson("STRASSE", "stra\u00dfe")).toBe(true);
  expect(isSamePerson("alice", "alicia")).toBe(false);
  expect(isSamePerson("a lice", "alice")).toBe(false);
});

test("a name of nothing visible is empty", () => {
  expect(personKey(" \u200b\u3164\0")).toBe("");
});
