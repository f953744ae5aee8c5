import { readFileSync } from "node:fs";
import path from "node:path";

import { expect, test } from "vitest";
import { z } from "zod";

import { importsOf, packageFolders, packageOf, REPOSITORY, sourceFiles } from "./source-files.ts";

const CORE = "@agentplane/core";
/** What all stores have in common. */
const STORE_KIT = `${CORE}/store`;
const Manifest = z.object({
  name: z.string(),
  peerDependencies: z.record(z.string(), z.string()).optional(),
});

/** A package that core governs a framework through: core is its peer. */
interface Adapter {
  readonly name: string;
  readonly sources: string;
  readonly peers: ReadonlySet<string>;
}

const adapters = packageFolders().flatMap((folder): readonly Adapter[] => {
  const root = path.join(REPOSITORY, "packages", folder);
  const { name, peerDependencies = {} } = Manifest.parse(
    JSON.parse(readFileSync(path.join(root, "package.json"), "utf8")),
  );
  const peers = new Set(Object.keys(peerDependencies));
  return peers.has(CORE) ? [{ name, sources: path.join(root, "src"), peers }] : [];
});

/** What of the platform an adapter may use: a framework that carries no context of its own needs that of Node.js. */
const BUILT_IN: ReadonlySet<string> = new Set(["node:async_hooks"]);

/** A store is no adapter of a framework: it talks to a server, with all that the platform has for that. */
function isBackend(peers: ReadonlySet<string>): boolean {
  return peers.has("ioredis") || peers.has("pg");
}

test("the LangChain adapter is among the adapters", () => {
  expect(adapters.map(({ name }) => name)).toContain("@agentplane/langchain");
});

test.for(adapters)("$name imports core's main entry and its own peers alone", ({ sources, peers }) => {
  const imports = sourceFiles(sources).flatMap((file) =>
    importsOf(path.join(sources, file)).map(({ specifier }) => ({ file, specifier })),
  );
  expect(imports.map(({ specifier }) => specifier)).toContain(CORE);
  const wrong = imports.filter(({ specifier }) => {
    if (specifier.startsWith(".") || BUILT_IN.has(specifier)) return false;
    if (isBackend(peers) && specifier.startsWith("node:")) return false;
    if (isBackend(peers) && specifier === STORE_KIT) return false;
    return packageOf(specifier) === CORE ? specifier !== CORE : !peers.has(packageOf(specifier));
  });
  expect(wrong.map(({ file, specifier }) => `${file} imports ${specifier}`)).toStrictEqual([]);
});
