import type { Usage } from "@agentplane/core";
import type { LanguageModelV4Usage } from "@ai-sdk/provider";

/** What a call used that did not happen, or whose usage nobody told. */
export const NO_USAGE: LanguageModelV4Usage = {
  inputTokens: { total: undefined, noCache: undefined, cacheRead: undefined, cacheWrite: undefined },
  outputTokens: { total: undefined, text: undefined, reasoning: undefined },
};

/**
 * Tokens as the provider reported them; `inputTokens` includes cached ones.
 * @returns undefined where it reported none: a part of the figures alone is passed on, for limits to fill in.
 */
export function usageOf({ inputTokens, outputTokens }: LanguageModelV4Usage): Usage | undefined {
  const usage = {
    ...(inputTokens.total !== undefined && { inputTokens: inputTokens.total }),
    ...(outputTokens.total !== undefined && { outputTokens: outputTokens.total }),
    ...(inputTokens.cacheRead !== undefined && { cacheReadTokens: inputTokens.cacheRead }),
    ...(inputTokens.cacheWrite !== undefined && { cacheWriteTokens: inputTokens.cacheWrite }),
  };
  return Object.keys(usage).length === 0 ? undefined : usage;
}
