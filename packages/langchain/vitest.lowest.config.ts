import { defineProject, type UserWorkspaceConfig } from "vitest/config";

/** The lowest versions that the peer ranges let in. `langchain` is there in one version alone. */
const LOWEST = {
  "@langchain/core": "langchain-core-lowest",
  "@langchain/langgraph": "langchain-langgraph-lowest",
};

/** The same tests with the lowest peers, which LangChain's own packages must get as well: two cores do not fit together. */
const config: UserWorkspaceConfig = defineProject({
  plugins: [
    {
      name: "lowest-peers",
      enforce: "pre",
      resolveId(source) {
        for (const [name, lowest] of Object.entries(LOWEST)) {
          if (source !== name && !source.startsWith(`${name}/`)) continue;
          // Looked up from here: LangChain's packages do not know it by this name.
          return this.resolve(source.replace(name, lowest), import.meta.filename, { skipSelf: true });
        }
        return undefined;
      },
    },
  ],
  test: {
    testTimeout: 60_000,
    expect: { poll: { timeout: 10_000 } },
    // Every file imports the whole of LangChain: shared, that is paid once.
    isolate: false,
    server: { deps: { inline: [/langchain/, /langsmith/] } },
  },
  ssr: { resolve: { conditions: ["agentplane-source", "node"] } },
});

export default config;
