import { builtinModules } from "node:module";
import path from "node:path";

import { expect, test } from "vitest";

import { CORE_SOURCES, importsOf, packageOf, sourceFiles } from "./source-files.ts";

/** Folders whose code runs on Node.js alone. */
const NODE_FOLDERS = ["node/", "testing/"];

/** Folders published as subpaths of their own, which bring dependencies of their own. */
const SUBPATHS = [...NODE_FOLDERS, "cel/"];

/** What the main entry may load: both are plain JavaScript that runs anywhere. */
const PORTABLE = new Set(["zod", "@noble/hashes"]);

/** Peers the user may have installed: only their types, an object of theirs comes through an option. */
const OPTIONAL_PEERS = new Set(["@opentelemetry/api", "@pydantic/genai-prices"]);

const imports = sourceFiles(CORE_SOURCES).flatMap((file) =>
  importsOf(path.join(CORE_SOURCES, file))
    .filter(({ specifier }) => !specifier.startsWith("."))
    .map((edge) => ({ file, ...edge })),
);

function isIn(folders: readonly string[], file: string): boolean {
  return folders.some((folder) => file.startsWith(folder));
}

test("no module of Node.js is imported outside src/node and src/testing", () => {
  expect(imports.length).toBeGreaterThan(0);
  const wrong = imports.filter(
    ({ file, specifier }) =>
      !isIn(NODE_FOLDERS, file) &&
      (specifier.startsWith("node:") || builtinModules.includes(packageOf(specifier))),
  );
  expect(wrong.map(({ file, specifier }) => `${file} imports ${specifier}`)).toStrictEqual([]);
});

test("the main entry imports zod and @noble/hashes alone, and optional peers only by type", () => {
  const wrong = imports.filter(({ file, specifier, isTypeOnly }) => {
    if (isIn(SUBPATHS, file) || PORTABLE.has(packageOf(specifier))) return false;
    return !(isTypeOnly && OPTIONAL_PEERS.has(packageOf(specifier)));
  });
  expect(wrong.map(({ file, specifier }) => `${file} imports ${specifier}`)).toStrictEqual([]);
});
