import type { ResultCodec, Usage } from "@agentplane/core";
import type { ModelResponse } from "@openai/agents";

import { countOf, listOf, recordOf } from "../protocol/json.ts";
import { withoutOtherForms } from "../protocol/other-forms.ts";

/** Reads and rewrites what a model gave: messages, calls and reasoning. */
export const MODEL_ANSWER: ResultCodec<ModelResponse> = {
  read: ({ output }) => output,
  write(response, content) {
    // What rules left of a list of items is one.
    return {
      ...withoutRaw(response),
      output: listOf(withoutOtherForms(content)) as ModelResponse["output"],
    };
  },
};

/**
 * An answer or event without the provider's own copy of it, which no rule could read: it may say more than the answer,
 * such as other choices.
 */
export function withoutRaw<Said extends { readonly providerData?: unknown }>(said: Said): Said {
  const { providerData: _raw, ...rest } = said;
  // The member is one that may be absent.
  return rest as Said;
}

/** Tokens as the SDK counts them. */
export function usageOf(usage: ModelResponse["usage"] | object | undefined): Usage | undefined {
  const told = recordOf(usage);
  const [inputTokens, outputTokens] = [countOf(told?.["inputTokens"]), countOf(told?.["outputTokens"])];
  // A model that tells nothing has a usage of zeros.
  if (inputTokens === undefined || outputTokens === undefined || inputTokens + outputTokens === 0)
    return undefined;
  const details: unknown = told?.["inputTokensDetails"];
  const cacheReadTokens = [...(Array.isArray(details) ? details : [details])]
    .map((one) => countOf(recordOf(one)?.["cached_tokens"]))
    .find((count) => count !== undefined);
  return { inputTokens, outputTokens, ...(cacheReadTokens !== undefined && { cacheReadTokens }) };
}
