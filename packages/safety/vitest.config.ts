import { defineProject, type UserWorkspaceConfig } from "vitest/config";

const config: UserWorkspaceConfig = defineProject({
  test: { testTimeout: 60_000, expect: { poll: { timeout: 10_000 } }, isolate: false },
  ssr: { resolve: { conditions: ["agentplane-source", "node"] } },
});

export default config;
