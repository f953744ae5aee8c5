import { defineProject, type UserWorkspaceConfig } from "vitest/config";

/** The same tests with the lowest version of the SDK that the peer range lets in. */
const config: UserWorkspaceConfig = defineProject({
  // Every file imports the whole SDK: shared, that is paid once.
  test: {
    testTimeout: 60_000,
    expect: { poll: { timeout: 10_000 } },
    isolate: false,
    setupFiles: ["test/quiet-sdk.ts"],
  },
  resolve: { alias: [{ find: /^ai(?=$|\/test$)/, replacement: "ai-lowest" }] },
  ssr: { resolve: { conditions: ["agentplane-source", "node"] } },
});

export default config;
