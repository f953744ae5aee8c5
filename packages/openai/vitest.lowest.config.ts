import { defineProject, type UserWorkspaceConfig } from "vitest/config";

/** The same tests with the lowest versions of the SDKs that the peer ranges let in. */
const config: UserWorkspaceConfig = defineProject({
  test: {
    testTimeout: 60_000,
    expect: { poll: { timeout: 10_000 } },
    isolate: false,
  },
  resolve: {
    alias: [
      { find: /^openai(?=$|\/)/, replacement: "openai-lowest" },
      { find: /^@openai\/agents(?=$|\/)/, replacement: "openai-agents-lowest" },
      { find: /^@openai\/agents-core(?=$|\/)/, replacement: "openai-agents-core-lowest" },
    ],
  },
  ssr: { resolve: { conditions: ["agentplane-source", "node"] } },
});

export default config;
