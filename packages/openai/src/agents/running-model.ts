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
 * Runs an agent inside a tool with what its `runConfig` chooses: a provider of its own comes without the runner's model.
 * @param chosen Of the tool's `runConfig`.
 */
export function withToolChoice<R>(chosen: Partial<ModelChoice> | undefined, run: () => R): R {
  const outer = runningChoice.getStore() ?? new Runner().config;
  const { modelProvider, model } = chosen ?? {};
  const inherited = modelProvider === undefined ? outer.model : undefined;
  const choice = { model: model ?? inherited, modelProvider: modelProvider ?? outer.modelProvider };
  return runningChoice.run(choice, run);
}

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
