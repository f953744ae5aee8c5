import { AIMessage } from "@langchain/core/messages";

import { isPlainObject, setField } from "./message-content.ts";

/** As providers name them: `logprobs`, `logprobsResult`, `logProbs`. */
const LOG_PROBABILITIES = /^log_?prob/i;

/** Log probabilities repeat the answer token by token, where no pattern can be found: a value without them at any depth. */
export function withoutTokens<T>(value: T): T {
  // What is left of it has its shape.
  if (Array.isArray(value)) return value.map(withoutTokens) as T;
  if (!isPlainObject(value)) return value;
  const kept = Object.entries(value).filter(([name]) => !LOG_PROBABILITIES.test(name));
  return Object.fromEntries(kept.map(([name, member]) => [name, withoutTokens(member)])) as T;
}

/**
 * Takes them out of an answer that something looks at.
 * @param answer A message, or a response with messages; changed in place.
 */
export function dropTokens<R>(answer: R): R {
  if (AIMessage.isInstance(answer)) {
    for (const field of ["content", "additional_kwargs", "response_metadata"] as const)
      setField(answer, field, withoutTokens(answer[field]));
  } else if (isPlainObject(answer) && Array.isArray(answer["messages"]))
    answer["messages"].forEach(dropTokens);
  return answer;
}
