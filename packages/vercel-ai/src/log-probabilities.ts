import type { SharedV4ProviderMetadata } from "@ai-sdk/provider";

/** Log probabilities repeat the answer token by token, where no pattern can be found: metadata without them. */
export function withoutTokens(metadata: SharedV4ProviderMetadata): SharedV4ProviderMetadata {
  return Object.fromEntries(
    Object.entries(metadata).map(([provider, { logprobs: _logprobs, ...rest }]) => [provider, rest]),
  );
}
