import { defineProject, type UserWorkspaceConfig } from "vitest/config";

const config: UserWorkspaceConfig = defineProject({
  // Every file imports the whole SDK: shared, that is paid once.
  test: {
    testTimeout: 60_000,
    expect: { poll: { timeout: 10_000 } },
    isolate: false,
    setupFiles: ["test/quiet-sdk.ts"],
  },
  ssr: { resolve: { conditions: ["agentplane-source", "node"] } },
});

export default config;
