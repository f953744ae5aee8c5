import { wrapEmbeddingModel, type EmbeddingModel } from "ai";
import type {
  EmbeddingModelV3,
  EmbeddingModelV4,
  EmbeddingModelV4CallOptions,
  EmbeddingModelV4Result,
} from "@ai-sdk/provider";

import { modelContext } from "./context.ts";
import { markGuarded, unguarded } from "./guarded-mark.ts";
import { withoutOwnOptions, type GovernedIdentity } from "./identity.ts";
import { cuttable } from "./native-signal.ts";
import { checkIdentity, checkNames } from "./option-check.ts";
import type { GovernedPlane } from "./plane.ts";
import { embeddingModelOf } from "./resolve-model.ts";
import { createRetriedCalls, type RetriedCalls } from "./retried-calls.ts";

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
  checkIdentity("guardEmbeddingModel", identity);
  checkNames("guardEmbeddingModel", options, ["maxRetries"]);
  const settings = { plane, identity, retries: createRetriedCalls(options.maxRetries ?? 2) };
  const own = unguarded(embeddingModelOf(model), plane);
  const guarded = wrapEmbeddingModel({
    // The wrapper takes models of version 2 too, whatever its type says: the SDK passes them through the same adapter.
    model: own as EmbeddingModelV3 | EmbeddingModelV4,
    middleware: {
      specificationVersion: "v4",
      wrapEmbed: ({ params, model: inner }) => embedGoverned(settings, inner, params),
    },
  });
  return markGuarded(guarded, { plane, original: own });
}

interface Settings {
  readonly plane: GovernedPlane;
  readonly identity: GovernedIdentity;
  readonly retries: RetriedCalls;
}

async function embedGoverned(
  { plane, identity, retries }: Settings,
  model: EmbeddingModelV4,
  params: EmbeddingModelV4CallOptions,
): Promise<EmbeddingModelV4Result> {
  const { values, providerOptions: given, abortSignal } = params;
  const attempt = retries.begin([values, given]);
  const outcome = await plane.guard.modelCall<EmbeddingModelV4Result>({
    // An embedding model writes nothing, so there is no output to reserve.
    context: modelContext(identity, {
      model,
      callId: attempt.callId,
      messages: values,
      maxOutputTokens: 0,
      providerOptions: given,
    }),
    run: async (admission) => {
      const request = {
        ...params,
        // The list that went in, with other texts.
        values: admission.isInputChanged ? (admission.input as string[]) : values,
        providerOptions: withoutOwnOptions(given) ?? {},
      };
      return model.doEmbed(cuttable(request, admission));
    },
    result: NO_WORDS,
    usage: ({ usage }) => usage && { inputTokens: usage.tokens, outputTokens: 0 },
    isControlFlow: (error) => attempt.willRetry(error, abortSignal),
  });
  if (outcome.status !== "ran") throw outcome.error;
  return outcome.result;
}

/** Numbers say nothing that a rule could read. */
const NO_WORDS = {
  read: ({ embeddings }: EmbeddingModelV4Result) => ({ embeddings: embeddings.length }),
  write: (result: EmbeddingModelV4Result) => result,
};
