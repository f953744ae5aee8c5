import { wrapProvider } from "ai";
import type { ProviderV4 } from "@ai-sdk/provider";

import { guardEmbeddingModel } from "./guard-embedding-model.ts";
import { guardImageModel } from "./guard-image-model.ts";
import { guardModel, type ModelOptions } from "./guard-model.ts";
import { guardedReranking } from "./guard-reranking-model.ts";
import { guardedSpeech, guardedTranscription } from "./guard-sound-models.ts";
import type { CallSettings } from "./governed-call.ts";
import type { GovernedIdentity } from "../call/identity.ts";
import { checkGoverned } from "../call/option-check.ts";
import type { GovernedPlane } from "../call/plane.ts";
import { createRetriedCalls, type RetriedCalls } from "../run/retried-calls.ts";

/** A provider of any version that the AI SDK takes. */
export type AnyProvider = Parameters<typeof wrapProvider>[0]["provider"];

/**
 * Puts the language, embedding, image, speech, transcription and reranking models of a provider behind the plane. What it
 * has besides (files, skills, models of other kinds) is not there any more: it would lead around the plane.
 * @param options For its language models; `maxRetries` for all.
 * @throws ConfigError for a member of the identity that does not exist, and an empty name
 * @returns A provider to use in its place, or as `globalThis.AI_SDK_DEFAULT_PROVIDER`.
 */
export function guardProvider(
  plane: GovernedPlane,
  identity: GovernedIdentity,
  provider: AnyProvider,
  options: ModelOptions = {},
): ProviderV4 {
  checkGoverned("guardProvider", identity);
  const own = wrapProvider({ provider, languageModelMiddleware: [] });
  const { maxRetries = 2 } = options;
  const retries = (): RetriedCalls => createRetriedCalls({ plane, identity, maxRetries });
  const settings = (): CallSettings => ({ plane, identity, retries: retries() });
  const { speechModel, transcriptionModel, rerankingModel } = own;
  return {
    specificationVersion: own.specificationVersion,
    languageModel: (id) => guardModel(plane, identity, own.languageModel(id), options),
    embeddingModel: (id) => guardEmbeddingModel(plane, identity, own.embeddingModel(id), { maxRetries }),
    imageModel: (id) => guardImageModel(plane, identity, own.imageModel(id), { maxRetries }),
    ...(speechModel !== undefined && { speechModel: (id) => guardedSpeech(settings(), speechModel(id)) }),
    ...(transcriptionModel !== undefined && {
      transcriptionModel: (id) => guardedTranscription(settings(), transcriptionModel(id)),
    }),
    ...(rerankingModel !== undefined && {
      rerankingModel: (id) => guardedReranking(settings(), rerankingModel(id)),
    }),
  };
}
