import type { SharedV4ProviderMetadata } from "@ai-sdk/provider";

import { isRecord } from "./inline-file.ts";

/**
 * Log probabilities repeat the answer token by token, where no pattern can be found: metadata without them.
 * @param metadata As a provider gave it; what is no record of records, whatever its type says, stays what it is.
 */
export function withoutTokens(metadata: SharedV4ProviderMetadata): SharedV4ProviderMetadata {
  if (!isRecord(metadata)) return metadata;
  const kept = Object.entries(metadata).map(([provider, members]) => {
    if (!isRecord(members)) return [provider, members] as const;
    const { logprobs: _logprobs, ...rest } = members;
    return [provider, rest] as const;
  });
  return Object.fromEntries(kept);
}
