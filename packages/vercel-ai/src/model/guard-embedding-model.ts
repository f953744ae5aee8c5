import { wrapEmbeddingModel, type EmbeddingModel } from "ai";
import type {
  EmbeddingModelV3,
  EmbeddingModelV4,
  EmbeddingModelV4CallOptions,
  EmbeddingModelV4Result,
} from "@ai-sdk/provider";

import { callGoverned, type CallWords } from "./governed-call.ts";
import { markGuarded, unguarded } from "../call/guarded-mark.ts";
import type { GovernedIdentity } from "../call/identity.ts";
import { checkGoverned, checkNames } from "../call/option-check.ts";
import type { GovernedPlane } from "../call/plane.ts";
import { embeddingModelOf } from "./resolve-model.ts";
import { createRetriedCalls } from "../run/retried-calls.ts";

/**
 * Puts an embedding model behind the plane: what is embedded is decided and redacted first, and its tokens are charged.
 * @param options `maxRetries` as the SDK is told; default 2.
 * @returns A model to use in its place.
 * @throws PolicyError in `embed` and `embedMany`, for what may not be embedded
 */
export function guardEmbeddingModel(
  plane: GovernedPlane,
  identity: GovernedIdentity,
  model: EmbeddingModel,
  options: { readonly maxRetries?: number } = {},
): EmbeddingModelV4 {
  checkGoverned("guardEmbeddingModel", identity);
  checkNames("guardEmbeddingModel", options, ["maxRetries"]);
  const retries = createRetriedCalls({ plane, identity, ...options });
  const settings = { plane, identity, retries };
  const own = unguarded(embeddingModelOf(model), plane);
  const guarded = wrapEmbeddingModel({
    // The wrapper takes models of version 2 too, whatever its type says: the SDK passes them through the same adapter.
    model: own as EmbeddingModelV3 | EmbeddingModelV4,
    middleware: {
      specificationVersion: "v4",
      wrapEmbed: async ({ params, model: inner }) =>
        callGoverned(settings, WORDS, { model: inner, params, run: (request) => inner.doEmbed(request) }),
    },
  });
  return markGuarded(guarded, { plane, original: own });
}

const WORDS: CallWords<EmbeddingModelV4CallOptions, EmbeddingModelV4Result> = {
  read: ({ values }) => values,
  // The list that went in, with other texts.
  write: (params, words) => ({ ...params, values: words as string[] }),
  result: {
    // Numbers say nothing that a rule could read.
    read: ({ embeddings }) => ({ embeddings: embeddings.length }),
    write: (result) => result,
  },
  usage: ({ usage }) => usage && { inputTokens: usage.tokens, outputTokens: 0 },
};
