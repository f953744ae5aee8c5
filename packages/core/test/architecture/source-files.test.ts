import { expect, test } from "vitest";

import { packageOf, readImports, resolveRelative } from "./source-files.ts";

test.for([
  ['import { a } from "x";', "x", false],
  ['import type { A } from "x";', "x", true],
  ['import { type A, type B } from "x";', "x", true],
  ['import { type A, b } from "x";', "x", false],
  ['import {\n  type A,\n  b,\n} from "x";', "x", false],
  ['import a, { type B } from "x";', "x", false],
  ['import * as a from "x";', "x", false],
  ['import "x";', "x", false],
  ['export * from "x";', "x", false],
  ['export { a } from "x";', "x", false],
  ['export type { A } from "x";', "x", true],
  ['const a = await import("x");', "x", false],
  ['let a: typeof import("x");', "x", true],
  ['const a = require("x");', "x", false],
] as const)("reads %j", ([source, specifier, isTypeOnly]) => {
  expect(readImports(source)).toStrictEqual([{ specifier, isTypeOnly }]);
});

test("takes no comment and no string for an import", () => {
  const source = [
    "/**",
    ' * import { a } from "comment";',
    " */",
    '// import "comment";',
    'export const text = "from ";',
    'export function name(): string { return "x"; }',
  ].join("\n");
  expect(readImports(source)).toStrictEqual([]);
});

test("resolves relative specifiers within the source folder and names the package of others", () => {
  expect(resolveRelative("engine/plan.ts", "../base/json.ts")).toBe("base/json.ts");
  expect(resolveRelative("engine/plan.ts", "./pass.ts")).toBe("engine/pass.ts");
  expect(resolveRelative("engine/plan.ts", "zod")).toBeUndefined();
  expect(packageOf("@noble/hashes/sha2.js")).toBe("@noble/hashes");
  expect(packageOf("zod/v4")).toBe("zod");
});
