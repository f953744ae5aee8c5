import type { RunnableConfig } from "@langchain/core/runnables";
import { AsyncLocalStorageProviderSingleton } from "@langchain/core/singletons";

import type { RunFacts } from "../call/identity.ts";

/**
 * What is known about the run that a call belongs to: what the call was given, and else what the node around it was.
 * @param own The configuration of the call itself.
 */
export function runFactsOf(own: unknown): RunFacts {
  // The type is langchain's; LangGraph adds the run's context.
  const around: (RunnableConfig & RunFacts) | undefined =
    AsyncLocalStorageProviderSingleton.getRunnableConfig();
  const given: RunFacts = typeof own === "object" && own !== null ? own : {};
  return {
    context: given.context ?? around?.context,
    configurable: { ...around?.configurable, ...given.configurable },
  };
}
