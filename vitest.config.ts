import { globSync } from "node:fs";
import { availableParallelism } from "node:os";
import path from "node:path";

import { defineConfig, type TestProjectConfiguration, type ViteUserConfig } from "vitest/config";

// Many tests start processes, which would compile the same files each time. Coverage counts less exactly what was cached.
if (!process.argv.includes("--coverage"))
  process.env["NODE_COMPILE_CACHE"] ??= path.join(import.meta.dirname, "node_modules/.cache/compile");

/**
 * Their tests wait for servers most of the time: only several for each core keep it at work. In one queue with those that
 * compute they would leave a core idle with as few workers as the others need.
 */
const WAITING: ReadonlySet<string> = new Set(["postgres", "redis"]);

const cores = availableParallelism();

/** A project takes `maxWorkers` and its place in the run from the command line or from its own settings, never from the root's. */
function projectOf(file: string): TestProjectConfiguration {
  const root = path.join(import.meta.dirname, path.dirname(file));
  const name = path.basename(root);
  const [, variant] = /vitest\.(\w+)\.config\.ts$/.exec(file) ?? [];
  const isWaiting = WAITING.has(name);
  return {
    extends: path.join(import.meta.dirname, file),
    root,
    test: {
      name: variant === undefined ? name : `${name}, ${variant}`,
      maxWorkers: isWaiting ? cores * 3 : cores + 1,
      sequence: { groupOrder: isWaiting ? 0 : 1 },
    },
  };
}

const config: ViteUserConfig = defineConfig({
  test: {
    projects: globSync("packages/*/vitest*.config.ts", { cwd: import.meta.dirname })
      .toSorted()
      .map(projectOf),
    reporters: ["default", "./tools/tally-reporter.ts"],
    coverage: {
      provider: "v8",
      include: ["packages/*/src/**/*.ts"],
      reporter: ["text", "json-summary"],
      thresholds: { lines: 80 },
    },
  },
});

export default config;
