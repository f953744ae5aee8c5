import type { RunnableConfig } from "@langchain/core/runnables";
import { AsyncLocalStorageProviderSingleton } from "@langchain/core/singletons";

import type { RunFacts } from "../call/identity.ts";

/** The configuration of the running node, of langchain's type; LangGraph adds the run's context. */
export type NodeConfig = RunnableConfig & RunFacts;

/** What the node is given that runs here, if any does. */
export function nodeConfig(): NodeConfig | undefined {
  return AsyncLocalStorageProviderSingleton.getRunnableConfig();
}

/**
 * What is known about the run that a call belongs to: what the call was given, and else what the node around it was.
 * @param own The configuration of the call itself.
 * @param around That of the node. Default: of the one that runs here.
 */
export function runFactsOf(own: unknown, around: NodeConfig | undefined = nodeConfig()): RunFacts {
  const given: RunFacts = typeof own === "object" && own !== null ? own : {};
  return {
    context: given.context ?? around?.context,
    configurable: { ...around?.configurable, ...given.configurable },
  };
}
