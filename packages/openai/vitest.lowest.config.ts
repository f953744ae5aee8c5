import { defineProject, type UserWorkspaceConfig } from "vitest/config";

const WITH_CLIENT = ["hosted-approvals", "hosted-histories", "sockets", "stored-prompts", "unasked-servers"];

/** The same tests with the lowest version of the SDK that the peer range lets in. */
const config: UserWorkspaceConfig = defineProject({
  test: {
    name: "openai, lowest",
    testTimeout: 60_000,
    expect: { poll: { timeout: 10_000 } },
    isolate: false,
    // Of the Agents SDK the peer range lets in one version, which the other project runs. Here what gives it a client.
    include: [
      "test/*.test.ts",
      "test/readme/*.test.ts",
      ...WITH_CLIENT.map((name) => `test/agents/${name}.test.ts`),
    ],
  },
  resolve: { alias: [{ find: /^openai(?=$|\/)/, replacement: "openai-lowest" }] },
  ssr: { resolve: { conditions: ["agentplane-source", "node"] } },
});

export default config;
