import { AsyncLocalStorage } from "node:async_hooks";

import { Runner, type Model, type ModelProvider } from "@openai/agents";

/** What a runner would choose models with. */
export interface ModelChoice {
  readonly model: string | Model | undefined;
  readonly modelProvider: ModelProvider;
}

/** The choice of the governed runner that runs now: a model's request does not tell. */
export const runningChoice = new AsyncLocalStorage<ModelChoice>();

/**
 * The model that the SDK would have asked: an agent's own instance, else its name or the runner's model, through the
 * runner's provider.
 * @param own The agent's `model` before it was governed; an empty text chooses none.
 */
export async function chosenModel(own: string | Model): Promise<Model> {
  if (typeof own !== "string") return own;
  const { model: ofRunner, modelProvider } = runningChoice.getStore() ?? new Runner().config;
  const chosen = own === "" ? (ofRunner ?? own) : own;
  // An empty name asks the provider for its default, as the SDK does.
  return typeof chosen === "string" ? modelProvider.getModel(chosen) : chosen;
}
