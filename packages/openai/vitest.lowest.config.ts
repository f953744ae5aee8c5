import { defineProject, type UserWorkspaceConfig } from "vitest/config";

/** The same tests with the lowest version of the SDK that the peer range lets in. */
const config: UserWorkspaceConfig = defineProject({
  test: {
    name: "openai, lowest",
    testTimeout: 60_000,
    expect: { poll: { timeout: 10_000 } },
    isolate: false,
    exclude: ["test/agents/**", "node_modules/**"],
  },
  resolve: { alias: [{ find: /^openai(?=$|\/)/, replacement: "openai-lowest" }] },
  ssr: { resolve: { conditions: ["agentplane-source", "node"] } },
});

export default config;
