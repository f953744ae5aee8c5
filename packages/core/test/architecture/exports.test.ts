import path from "node:path";

import { expect, test } from "vitest";

import { ERROR_CODES } from "../../src/base/errors.ts";
import { ENTRIES } from "./entries.ts";
import { readEntryExports } from "./entry-exports.ts";
import { PUBLIC_ERROR_CODES, PUBLIC_EXPORTS } from "./public-exports.ts";
import { CORE_SOURCES } from "./source-files.ts";

// A name that comes or goes is a decision about the public surface: `npm run pin-exports` rewrites the literals,
// and the change is then seen in review.
test.for(ENTRIES)("$subpath hands out exactly the pinned names", ({ subpath, file }) => {
  expect(readEntryExports(path.join(CORE_SOURCES, file))).toStrictEqual(PUBLIC_EXPORTS[subpath]);
  expect(PUBLIC_EXPORTS[subpath].length).toBeGreaterThan(0);
});

test.for(ENTRIES)("$subpath has every pinned value at run time and no other", async ({ subpath, file }) => {
  const entry: Readonly<Record<string, unknown>> = await import(path.join(CORE_SOURCES, file));
  const values = PUBLIC_EXPORTS[subpath].filter((name) => !name.startsWith("type "));
  expect(Object.keys(entry).toSorted()).toStrictEqual(values);
  expect(values.filter((name) => entry[name] === undefined)).toStrictEqual([]);
});

test("the error codes are exactly the pinned ones", () => {
  expect(ERROR_CODES.toSorted()).toStrictEqual(PUBLIC_ERROR_CODES);
});
