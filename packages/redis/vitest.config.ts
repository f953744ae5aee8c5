import { defineProject, type UserWorkspaceConfig } from "vitest/config";

const config: UserWorkspaceConfig = defineProject({
  test: { name: "redis", testTimeout: 60_000 },
  ssr: { resolve: { conditions: ["agentplane-source", "node"] } },
});

export default config;
