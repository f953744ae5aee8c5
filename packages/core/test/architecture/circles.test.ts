import path from "node:path";

import { expect, test } from "vitest";

import { arrowsOf, findCycle, placeOf, type Arrow } from "./arrows.ts";
import { packageFolders, REPOSITORY } from "./source-files.ts";

const packages = packageFolders().map((name) => ({
  name,
  arrows: arrowsOf(path.join(REPOSITORY, "packages", name, "src")),
}));

/** Imports between the places of a package: its folders, and the files at its top. */
function betweenPlaces(arrows: readonly Arrow[]): readonly Arrow[] {
  return arrows
    .map(({ from, to }) => ({ from: placeOf(from), to: placeOf(to) }))
    .filter(({ from, to }) => from !== to);
}

test.for(packages)("no folder of $name imports in a circle", ({ arrows }) => {
  expect(arrows.length).toBeGreaterThan(0);
  expect(findCycle(betweenPlaces(arrows))).toBeUndefined();
});

/** Arrows from pairs of letters: `ab bc` is a → b, b → c. */
function chain(pairs: string): readonly Arrow[] {
  return pairs.split(" ").map((pair) => ({ from: pair.slice(0, 1), to: pair.slice(1) }));
}

test("finds a cycle over several files and none in a diamond", () => {
  expect(findCycle(chain("ab bc ca"))).toStrictEqual(["a", "b", "c", "a"]);
  expect(findCycle(chain("ab ac bd cd"))).toBeUndefined();
});
