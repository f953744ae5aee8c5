import { wrapProvider } from "ai";
import type { ProviderV4 } from "@ai-sdk/provider";

import { guardEmbeddingModel } from "./guard-embedding-model.ts";
import { guardImageModel } from "./guard-image-model.ts";
import { guardModel, type ModelOptions } from "./guard-model.ts";
import type { GovernedIdentity } from "./identity.ts";
import type { GovernedPlane } from "./plane.ts";

/** A provider of any version that the AI SDK takes. */
export type AnyProvider = Parameters<typeof wrapProvider>[0]["provider"];

/**
 * Puts every language, embedding and image model of a provider behind the plane. Models of other kinds (speech,
 * transcription, reranking), files and skills pass as they are: the SDK has no seam for them.
 * @param options For its language models; `maxRetries` for all.
 * @returns A provider to use in its place, or as `globalThis.AI_SDK_DEFAULT_PROVIDER`.
 */
export function guardProvider(
  plane: GovernedPlane,
  identity: GovernedIdentity,
  provider: AnyProvider,
  options: ModelOptions = {},
): ProviderV4 {
  const own = wrapProvider({ provider, languageModelMiddleware: [] });
  const retries = options.maxRetries === undefined ? {} : { maxRetries: options.maxRetries };
  return {
    ...own,
    languageModel: (id) => guardModel(plane, identity, own.languageModel(id), options),
    embeddingModel: (id) => guardEmbeddingModel(plane, identity, own.embeddingModel(id), retries),
    imageModel: (id) => guardImageModel(plane, identity, own.imageModel(id), retries),
  };
}
