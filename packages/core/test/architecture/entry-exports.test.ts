import { expect, test } from "vitest";

import { parseEntryExports } from "./entry-exports.ts";

test("reads values, types and renamed names, sorted", () => {
  const source = [
    "/** The entry. */",
    'export { b, type C, inner as a } from "./b.ts";',
    "// Types.",
    'export type {\n  D,\n  Inner as E,\n} from "./d.ts";',
  ].join("\n");
  expect(parseEntryExports(source, "index.ts")).toStrictEqual(["a", "b", "type C", "type D", "type E"]);
});

test.for(['export * from "./a.ts";', "export const a = 1;", 'import "./a.ts";'])("refuses %j", (source) => {
  expect(() => parseEntryExports(source, "index.ts")).toThrow(/index\.ts: only/);
});
