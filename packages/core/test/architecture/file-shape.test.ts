import { readFileSync } from "node:fs";
import path from "node:path";

import { expect, test } from "vitest";

import { packageFolders, REPOSITORY, sourceFiles } from "./source-files.ts";

const MAX_LINES = 250;

/** Names that say nothing about what is inside. */
const EMPTY_NAME = /(?:^|\/)(?:utils?|helpers?|common|misc|types?)\.[cm]?tsx?$/;

const files = packageFolders().flatMap((name) => {
  const folder = path.join(REPOSITORY, "packages", name, "src");
  return sourceFiles(folder).map((file) => ({
    name: `packages/${name}/src/${file}`,
    text: readFileSync(path.join(folder, file), "utf8"),
  }));
});

function lineCount(text: string): number {
  return text.replace(/\n$/, "").split("\n").length;
}

test(`no source file is longer than ${MAX_LINES} lines`, () => {
  expect(files.length).toBeGreaterThan(0);
  const long = files.filter(({ text }) => lineCount(text) > MAX_LINES);
  expect(long.map(({ name, text }) => `${name}: ${lineCount(text)} lines`)).toStrictEqual([]);
});

test("every source file is named in kebab-case after what is in it", () => {
  const wrong = files.filter(({ name }) => EMPTY_NAME.test(name) || !/^[a-z0-9./-]+$/.test(name));
  expect(wrong.map(({ name }) => name)).toStrictEqual([]);
});
