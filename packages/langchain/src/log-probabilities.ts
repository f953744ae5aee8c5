import { AIMessage } from "@langchain/core/messages";

import { isPlainObject, setField } from "./message-content.ts";

/** As providers name them: `logprobs`, `logprobsResult`, `logProbs`. */
const LOG_PROBABILITIES = /^log_?prob/i;

/** Log probabilities repeat the answer token by token, where no pattern can be found: metadata without them. */
export function withoutTokens(metadata: object): Record<string, unknown> {
  return Object.fromEntries(Object.entries(metadata).filter(([name]) => !LOG_PROBABILITIES.test(name)));
}

/**
 * Takes them out of an answer that something looks at.
 * @param answer A message, or a response with messages; changed in place.
 */
export function dropTokens<R>(answer: R): R {
  if (AIMessage.isInstance(answer))
    setField(answer, "response_metadata", withoutTokens(answer.response_metadata));
  else if (isPlainObject(answer) && Array.isArray(answer["messages"])) answer["messages"].forEach(dropTokens);
  return answer;
}
