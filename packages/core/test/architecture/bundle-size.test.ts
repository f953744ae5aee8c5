import path from "node:path";
import { gzipSync } from "node:zlib";

import { build } from "esbuild";
import { expect, test } from "vitest";

import { CORE_SOURCES } from "./source-files.ts";

const MAX_GZIP_BYTES = 120 * 1024;

/** `createAgentPlane` as a user's bundler would ship it to any platform, its dependencies included. */
async function bundle(): Promise<{
  code: Uint8Array;
  inputs: readonly string[];
  /** The inputs of which anything is left. */
  carried: readonly string[];
  imports: readonly string[];
}> {
  const { outputFiles, metafile } = await build({
    stdin: { contents: 'export { createAgentPlane } from "./index.ts";', resolveDir: CORE_SOURCES },
    absWorkingDir: CORE_SOURCES,
    bundle: true,
    minify: true,
    write: false,
    metafile: true,
    format: "esm",
    platform: "neutral",
    mainFields: ["module", "main"],
    logLevel: "silent",
  });
  return {
    code: outputFiles[0]?.contents ?? new Uint8Array(),
    inputs: Object.keys(metafile.inputs).map((file) => file.replaceAll(path.sep, "/")),
    carried: Object.values(metafile.outputs).flatMap((output) =>
      Object.entries(output.inputs)
        .filter(([, { bytesInOutput }]) => bytesInOutput > 0)
        .map(([file]) => file.replaceAll(path.sep, "/")),
    ),
    imports: Object.values(metafile.outputs).flatMap((output) => output.imports.map((edge) => edge.path)),
  };
}

test(`createAgentPlane with its dependencies weighs at most ${MAX_GZIP_BYTES / 1024} KB with gzip`, async () => {
  const { code, inputs } = await bundle();
  expect(inputs).toContain("plane.ts");
  expect(gzipSync(code).length).toBeLessThanOrEqual(MAX_GZIP_BYTES);
});

test("an application that only runs policies carries neither the linter nor the texts about rules", async () => {
  const { carried } = await bundle();
  expect(carried).toContain("load/parse.ts");
  const unneeded = /^load\/(?:lint|pattern-cover)|^rules\/rule-reference/;
  expect(carried.filter((file) => unneeded.test(file))).toStrictEqual([]);
});

test("createAgentPlane leaves nothing to import and brings no file of a subpath", async () => {
  const { inputs, imports } = await bundle();
  expect(imports).toStrictEqual([]);
  expect(inputs.filter((file) => /^(?:node|cel|testing)\//.test(file))).toStrictEqual([]);
});
