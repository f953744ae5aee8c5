import { gateway } from "ai";
import type { EmbeddingModel, ImageModel, LanguageModel } from "ai";
import type { ProviderV4 } from "@ai-sdk/provider";

/** A model that is not the name of one. */
export type ModelObject<Model> = Exclude<Model, string>;

/** A language model by its name, as the AI SDK finds it: at the default provider, else at the gateway. */
export function languageModelOf(model: LanguageModel): ModelObject<LanguageModel> {
  return typeof model === "string" ? defaultProvider().languageModel(model) : model;
}

/** An embedding model by its name. */
export function embeddingModelOf(model: EmbeddingModel): ModelObject<EmbeddingModel> {
  return typeof model === "string" ? defaultProvider().embeddingModel(model) : model;
}

/** An image model by its name. */
export function imageModelOf(model: ImageModel): ModelObject<ImageModel> {
  return typeof model === "string" ? defaultProvider().imageModel(model) : model;
}

function defaultProvider(): Pick<ProviderV4, "languageModel" | "embeddingModel" | "imageModel"> {
  // Older providers have the same three methods and give older models, which are taken as well.
  return (globalThis.AI_SDK_DEFAULT_PROVIDER ?? gateway) as ProviderV4;
}
