import type { ResultCodec, Usage } from "@agentplane/core";
import type { ModelResponse } from "@openai/agents";

import { countOf, listOf, recordOf } from "../protocol/json.ts";
import { withoutOtherForms } from "../protocol/other-forms.ts";

/** Reads and rewrites what a model gave: messages, calls and reasoning. */
export const MODEL_ANSWER: ResultCodec<ModelResponse> = {
  read: ({ output }) => output,
  write(response, content) {
    // The provider's own copy of the answer would say what was replaced; so would its raw usage, if it said anything.
    const { providerData: _raw, ...rest } = response;
    // What rules left of a list of items is one.
    return { ...rest, output: listOf(withoutOtherForms(content)) as ModelResponse["output"] };
  },
};

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
