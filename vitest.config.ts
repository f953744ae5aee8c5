import { availableParallelism } from "node:os";
import path from "node:path";

import { defineConfig, type ViteUserConfig } from "vitest/config";

// Many tests start processes, which would compile the same files each time. Coverage counts less exactly what was cached.
if (!process.argv.includes("--coverage"))
  process.env["NODE_COMPILE_CACHE"] ??= path.join(import.meta.dirname, "node_modules/.cache/compile");

// Many tests wait for servers and child processes: one more at once than there are cores keeps these at work. A project
// takes `maxWorkers` from the command line, from this variable, which goes before it, or from its own file, never from
// the `test` below.
const hasOwnCount = process.argv.some((arg) =>
  /^--(max-?workers|no-file-parallelism|file-?parallelism)/i.test(arg),
);
if (!hasOwnCount) process.env["VITEST_MAX_WORKERS"] ??= String(availableParallelism() + 1);

const config: ViteUserConfig = defineConfig({
  test: {
    projects: ["packages/*/vitest*.config.ts", "examples/*/vitest.config.ts"],
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
