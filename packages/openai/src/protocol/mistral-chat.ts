import { CHAT_COMPLETIONS } from "./chat-completions.ts";
import type { Dialect } from "./dialect.ts";
import { limitOfEach } from "./output-limit.ts";

/** Chats of Mistral: its server refuses the newer name of the output limit, so a limit that nobody named gets the older one. */
export const MISTRAL_CHAT: Dialect = {
  ...CHAT_COMPLETIONS,
  withMaxOutput(request, maxOutputTokens) {
    const limit = limitOfEach(request, maxOutputTokens);
    const isNamed = request["max_tokens"] !== undefined || request["max_completion_tokens"] !== undefined;
    return isNamed
      ? (CHAT_COMPLETIONS.withMaxOutput?.(request, maxOutputTokens) ?? request)
      : { ...request, max_tokens: limit };
  },
};
