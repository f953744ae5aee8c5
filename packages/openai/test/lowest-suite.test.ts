import fs from "node:fs";
import path from "node:path";

import { expect, test } from "vitest";

const FOLDER = import.meta.dirname;

/** The files that a file of ours loads, itself first: what is imported for its types alone is not loaded. */
function loadedBy(file: string, known = new Set<string>()): ReadonlySet<string> {
  if (known.has(file)) return known;
  known.add(file);
  for (const name of importsOf(file)) {
    if (name.startsWith(".")) loadedBy(path.resolve(path.dirname(file), name), known);
  }
  return known;
}

function importsOf(file: string): readonly string[] {
  const text = fs.readFileSync(file, "utf8");
  const found = text.matchAll(/^(?:import|export)\s(?!type\b)[^;]*?from "([^"]+)";|import\("([^"]+)"\)/gm);
  return [...found].map(([, named, lazy]) => named ?? lazy ?? "");
}

function reachesClient(file: string): boolean {
  return [...loadedBy(file)].some((one) => importsOf(one).some((name) => /^openai(?:$|\/)/.test(name)));
}

test("all tests that load the openai client run with the lowest version of it, too", () => {
  const included = fs.readFileSync(path.join(FOLDER, "../vitest.lowest.config.ts"), "utf8");
  const isRun = (name: string): boolean =>
    path.dirname(name) !== "agents" || included.includes(`"${path.basename(name, ".test.ts")}"`);
  const tests = fs
    .readdirSync(FOLDER, { recursive: true, encoding: "utf8" })
    .filter((name) => name.endsWith(".test.ts"));
  const reaching = tests.filter((name) => reachesClient(path.join(FOLDER, name)));
  expect(reaching.length).toBeGreaterThan(10);
  expect(reaching.filter((name) => !isRun(name))).toStrictEqual([]);
});

test("nothing that is governed loads the client, so that no other test could tell which version is there", () => {
  for (const entry of ["index.ts", "agents.ts"])
    expect(reachesClient(path.join(FOLDER, "../src", entry))).toBe(false);
});
