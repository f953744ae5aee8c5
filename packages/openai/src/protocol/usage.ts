import type { Usage } from "@agentplane/core";

import { countOf, recordOf } from "./json.ts";

/**
 * Tokens as an API reports them, under either of its two vocabularies: `prompt_tokens` and `completion_tokens`, or
 * `input_tokens` and `output_tokens`. Both count cached tokens as input.
 * @param reported The member `usage` of an answer or event.
 */
export function readUsage(reported: unknown): Usage | undefined {
  const usage = recordOf(reported);
  if (usage === undefined) return undefined;
  const inputTokens = countOf(usage["prompt_tokens"] ?? usage["input_tokens"]);
  const total = countOf(usage["total_tokens"]);
  const outputTokens =
    countOf(usage["completion_tokens"] ?? usage["output_tokens"]) ??
    (total === undefined || inputTokens === undefined ? undefined : Math.max(0, total - inputTokens));
  const details = recordOf(usage["prompt_tokens_details"] ?? usage["input_tokens_details"]);
  const cacheReadTokens = countOf(details?.["cached_tokens"]);
  if (inputTokens === undefined && outputTokens === undefined) return undefined;
  return {
    ...(inputTokens !== undefined && { inputTokens }),
    ...(outputTokens !== undefined && { outputTokens }),
    ...(cacheReadTokens !== undefined && { cacheReadTokens }),
  };
}
