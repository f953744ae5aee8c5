import path from "node:path";

import { expect, test } from "vitest";

import { CORE_SOURCES, importsOf, resolveRelative, sourceFiles } from "./source-files.ts";

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

interface Arrow {
  readonly from: string;
  readonly to: string;
}

const files = sourceFiles(CORE_SOURCES);
const arrows = files.flatMap((from): readonly Arrow[] =>
  importsOf(path.join(CORE_SOURCES, from)).flatMap(({ specifier }) => {
    const to = resolveRelative(from, specifier);
    return to === undefined ? [] : [{ from, to }];
  }),
);

/** The folder of a file below src, or the file itself at the top. */
function placeOf(file: string): string {
  return file.split("/")[0] ?? file;
}

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

/** The first cycle found by following imports depth first, as a chain of files; undefined when there is none. */
function findCycle(edges: readonly Arrow[]): readonly string[] | undefined {
  const targets = new Map<string, string[]>();
  for (const { from, to } of edges) targets.set(from, [...(targets.get(from) ?? []), to]);
  const done = new Set<string>();
  const walk = (file: string, trail: readonly string[]): readonly string[] | undefined => {
    if (trail.includes(file)) return [...trail.slice(trail.indexOf(file)), file];
    if (done.has(file)) return undefined;
    for (const to of targets.get(file) ?? []) {
      const cycle = walk(to, [...trail, file]);
      if (cycle !== undefined) return cycle;
    }
    done.add(file);
    return undefined;
  };
  for (const file of targets.keys()) {
    const cycle = walk(file, []);
    if (cycle !== undefined) return cycle;
  }
  return undefined;
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

/** Arrows from pairs of letters: `ab bc` is a → b, b → c. */
function chain(pairs: string): readonly Arrow[] {
  return pairs.split(" ").map((pair) => ({ from: pair.slice(0, 1), to: pair.slice(1) }));
}

test("finds a cycle over several files and none in a diamond", () => {
  expect(findCycle(chain("ab bc ca"))).toStrictEqual(["a", "b", "c", "a"]);
  expect(findCycle(chain("ab ac bd cd"))).toBeUndefined();
});
