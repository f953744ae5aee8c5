import { expect, test } from "vitest";

import { arrowsOf, findCycle, placeOf, type Arrow } from "./arrows.ts";
import { CORE_SOURCES, sourceFiles } from "./source-files.ts";

/** The folders of core by level, lowest first: an import goes to a lower level or stays in its folder. */
const LEVELS: readonly (readonly string[])[] = [
  ["base"],
  ["context", "policy", "decision"],
  ["rules", "store", "audit", "notify", "hooks"],
  ["load", "state", "versioning", "sync"],
  ["engine"],
  ["enforce"],
  ["plane-options.ts"],
  ["plane-parts.ts"],
  ["plane.ts"],
  ["index.ts"],
];

/** The only arrows between two folders of one level. */
const SIDEWAYS: ReadonlySet<string> = new Set([
  "decision → context",
  "decision → policy",
  "policy → context",
]);

/** Package subpaths: they import what they need, nobody imports them. */
const SUBPATHS: ReadonlySet<string> = new Set(["node", "cel", "testing"]);

const files = sourceFiles(CORE_SOURCES);
const arrows = arrowsOf(CORE_SOURCES);

function levelOf(place: string): number {
  return LEVELS.findIndex((level) => level.includes(place));
}

function isAllowed({ from, to }: Arrow): boolean {
  const [source, target] = [placeOf(from), placeOf(to)];
  if (source === target) return true;
  if (target === "index.ts" || SUBPATHS.has(target)) return false;
  if (SUBPATHS.has(source)) return true;
  return levelOf(source) > levelOf(target) || SIDEWAYS.has(`${source} → ${target}`);
}

test("every file of core lies in a folder that has a level or is a subpath", () => {
  expect(files.length).toBeGreaterThan(0);
  expect(files.filter((file) => !SUBPATHS.has(placeOf(file)) && levelOf(placeOf(file)) === -1)).toStrictEqual(
    [],
  );
});

test("every import of core, type-only ones too, goes down a level or stays in its folder", () => {
  expect(arrows.length).toBeGreaterThan(0);
  const wrong = arrows.filter((arrow) => !isAllowed(arrow));
  expect(wrong.map(({ from, to }) => `${from} → ${to}`)).toStrictEqual([]);
});

test("every relative import of core names a file that exists", () => {
  expect(
    arrows.filter(({ to }) => !files.includes(to)).map(({ from, to }) => `${from} → ${to}`),
  ).toStrictEqual([]);
});

test("no import cycle exists between the files of core", () => {
  expect(findCycle(arrows)).toBeUndefined();
});

test.for([
  ["base/a.ts", "context/b.ts", false],
  ["context/a.ts", "base/b.ts", true],
  ["policy/a.ts", "context/b.ts", true],
  ["context/a.ts", "policy/b.ts", false],
  ["decision/a.ts", "policy/b.ts", true],
  ["policy/a.ts", "decision/b.ts", false],
  ["rules/a.ts", "state/b.ts", false],
  ["rules/a.ts", "store/b.ts", false],
  ["engine/a.ts", "enforce/b.ts", false],
  ["engine/a.ts", "node/b.ts", false],
  ["testing/a.ts", "enforce/b.ts", true],
  ["testing/a.ts", "node/b.ts", false],
  ["node/a.ts", "index.ts", false],
  ["index.ts", "plane.ts", true],
  ["plane.ts", "index.ts", false],
] as const)("judges the arrow %s → %s: %s", ([from, to, isFine]) => {
  expect(isAllowed({ from, to })).toBe(isFine);
});
