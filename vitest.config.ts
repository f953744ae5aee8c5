import { availableParallelism } from "node:os";

import { defineConfig, type ViteUserConfig } from "vitest/config";

const config: ViteUserConfig = defineConfig({
  test: {
    // Many tests wait for servers and child processes: two at once also where there are two cores.
    maxWorkers: Math.max(2, availableParallelism() - 1),
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
