import type { ResultCodec } from "@agentplane/core";
import type { LanguageModelV4GenerateResult } from "@ai-sdk/provider";

import { isRecord } from "../content/inline-file.ts";
import { withoutTokens } from "../content/log-probabilities.ts";
import { readParts, writeParts } from "../content/part-content.ts";

/** Reads and rewrites everything of a finished answer that the caller can see the model's words in. */
export const MODEL_RESULT: ResultCodec<LanguageModelV4GenerateResult> = {
  read: ({ content, structuredOutputText, providerMetadata, warnings }) => ({
    content: readParts(content),
    // What a provider says of a request may quote it.
    ...(hasWarnings(warnings) && { warnings }),
    // `Output.object` parses this text, not the content.
    ...(structuredOutputText !== undefined && { structuredOutputText }),
    ...(providerMetadata !== undefined && { providerMetadata }),
  }),
  write(result, changed) {
    // What is written back has the shape of what was read.
    const { content, structuredOutputText, providerMetadata, warnings } =
      changed as Partial<LanguageModelV4GenerateResult>;
    const { response, providerMetadata: _ours, structuredOutputText: _text, ...rest } = result;
    return {
      ...rest,
      content: writeParts(result.content, content) as LanguageModelV4GenerateResult["content"],
      ...(structuredOutputText !== undefined && { structuredOutputText }),
      ...(warnings !== undefined && { warnings }),
      ...(providerMetadata !== undefined && { providerMetadata: withoutTokens(providerMetadata) }),
      ...(isRecord(response) && { response: withoutBody(response) }),
    };
  },
};

/** A finished answer without the provider's own copy of it. */
export function withoutCopy(result: LanguageModelV4GenerateResult): LanguageModelV4GenerateResult {
  return isRecord(result.response) ? { ...result, response: withoutBody(result.response) } : result;
}

/** Providers outside of TypeScript leave the list out, which the SDK forgives. */
export function hasWarnings(warnings: LanguageModelV4GenerateResult["warnings"] | undefined): boolean {
  return Array.isArray(warnings) && warnings.length > 0;
}

/** The provider's own copy of the answer would repeat what the content no longer says. */
function withoutBody({
  body: _body,
  ...response
}: NonNullable<LanguageModelV4GenerateResult["response"]>): NonNullable<
  LanguageModelV4GenerateResult["response"]
> {
  return response;
}
