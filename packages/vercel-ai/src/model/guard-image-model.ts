import { wrapImageModel, type ImageModel } from "ai";
import type { ImageModelV4, ImageModelV4CallOptions, ImageModelV4Result } from "@ai-sdk/provider";

import { callGoverned, type CallWords } from "./governed-call.ts";
import { markGuarded, unguarded } from "../call/guarded-mark.ts";
import type { GovernedIdentity } from "../call/identity.ts";
import { checkGoverned, checkNames } from "../call/option-check.ts";
import type { GovernedPlane } from "../call/plane.ts";
import { imageModelOf } from "./resolve-model.ts";
import { createRetriedCalls } from "../run/retried-calls.ts";

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
  checkGoverned("guardImageModel", identity);
  checkNames("guardImageModel", options, ["maxRetries"]);
  const retries = createRetriedCalls({ plane, identity, ...options });
  const settings = { plane, identity, retries };
  const own = unguarded(imageModelOf(model), plane);
  const guarded = wrapImageModel({
    model: own,
    middleware: {
      specificationVersion: "v4",
      wrapGenerate: async ({ params, model: inner }) =>
        callGoverned(settings, WORDS, { model: inner, params, run: (request) => inner.doGenerate(request) }),
    },
  });
  return markGuarded(guarded, { plane, original: own });
}

const WORDS: CallWords<ImageModelV4CallOptions, ImageModelV4Result> = {
  read: ({ prompt }) => prompt ?? "",
  // The text that went in, changed.
  write: (params, words) => ({ ...params, prompt: words as string }),
  result: {
    // Providers repeat the prompt beside the pictures, as they changed it.
    read: ({ providerMetadata, images }) => ({
      images: images.length,
      ...(providerMetadata !== undefined && { providerMetadata }),
    }),
    write(result, changed) {
      const { providerMetadata } = changed as Pick<ImageModelV4Result, "providerMetadata">;
      return { ...result, ...(providerMetadata !== undefined && { providerMetadata }) };
    },
  },
  usage: ({ usage }) => usage && { ...numbers(usage) },
};

function numbers({ inputTokens, outputTokens }: NonNullable<ImageModelV4Result["usage"]>): object {
  return {
    ...(inputTokens !== undefined && { inputTokens }),
    ...(outputTokens !== undefined && { outputTokens }),
  };
}
