import { defineConfig, type ViteUserConfig } from "vitest/config";

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
