import { wrapImageModel, type ImageModel } from "ai";
import type { ImageModelV4, ImageModelV4CallOptions, ImageModelV4Result } from "@ai-sdk/provider";

import { modelContext } from "./context.ts";
import { markGuarded, unguarded } from "./guarded-mark.ts";
import { withoutOwnOptions, type GovernedIdentity } from "./identity.ts";
import { cuttable } from "./native-signal.ts";
import { checkIdentity, checkNames } from "./option-check.ts";
import type { GovernedPlane } from "./plane.ts";
import { imageModelOf } from "./resolve-model.ts";
import { createRetriedCalls, type RetriedCalls } from "./retried-calls.ts";

/**
 * Puts an image model behind the plane: its prompt is decided and redacted first. What is in a picture is not judged.
 * @param options `maxRetries` as the SDK is told; default 2.
 * @returns A model to use in its place.
 * @throws PolicyError in `generateImage`, for a prompt that is not allowed
 */
export function guardImageModel(
  plane: GovernedPlane,
  identity: GovernedIdentity,
  model: ImageModel,
  options: { readonly maxRetries?: number } = {},
): ImageModelV4 {
  checkIdentity("guardImageModel", identity);
  checkNames("guardImageModel", options, ["maxRetries"]);
  const settings = { plane, identity, retries: createRetriedCalls(options.maxRetries ?? 2) };
  const own = unguarded(imageModelOf(model), plane);
  const guarded = wrapImageModel({
    model: own,
    middleware: {
      specificationVersion: "v4",
      wrapGenerate: ({ params, model: inner }) => paintGoverned(settings, inner, params),
    },
  });
  return markGuarded(guarded, { plane, original: own });
}

interface Settings {
  readonly plane: GovernedPlane;
  readonly identity: GovernedIdentity;
  readonly retries: RetriedCalls;
}

async function paintGoverned(
  { plane, identity, retries }: Settings,
  model: ImageModelV4,
  params: ImageModelV4CallOptions,
): Promise<ImageModelV4Result> {
  const { prompt, providerOptions: given, abortSignal } = params;
  const attempt = retries.begin([prompt, given]);
  const outcome = await plane.guard.modelCall<ImageModelV4Result>({
    context: modelContext(identity, {
      model,
      callId: attempt.callId,
      messages: prompt ?? "",
      maxOutputTokens: 0,
      providerOptions: given,
    }),
    run: async (admission) => {
      const request = {
        ...params,
        // The text that went in, changed.
        prompt: admission.isInputChanged ? (admission.input as string) : prompt,
        providerOptions: withoutOwnOptions(given) ?? {},
      };
      return model.doGenerate(cuttable(request, admission));
    },
    result: WORDS_BESIDE,
    usage: ({ usage }) => usage && { ...numbers(usage) },
    isControlFlow: (error) => attempt.willRetry(error, abortSignal),
  });
  if (outcome.status !== "ran") throw outcome.error;
  return outcome.result;
}

/** Providers repeat the prompt beside the pictures, as they changed it. */
const WORDS_BESIDE = {
  read: ({ providerMetadata, images }: ImageModelV4Result) => ({
    images: images.length,
    ...(providerMetadata !== undefined && { providerMetadata }),
  }),
  write(result: ImageModelV4Result, changed: unknown): ImageModelV4Result {
    const { providerMetadata } = changed as Pick<ImageModelV4Result, "providerMetadata">;
    return { ...result, ...(providerMetadata !== undefined && { providerMetadata }) };
  },
};

function numbers({ inputTokens, outputTokens }: NonNullable<ImageModelV4Result["usage"]>): object {
  return {
    ...(inputTokens !== undefined && { inputTokens }),
    ...(outputTokens !== undefined && { outputTokens }),
  };
}
