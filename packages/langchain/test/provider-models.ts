import { ChatAnthropic } from "@langchain/anthropic";
import { ChatOpenAI } from "@langchain/openai";

import { completionEvents, messageEvents, responseEvents, type ServerEvent } from "./provider-server.ts";

/** A real chat model of a provider, and how that provider streams. */
export interface ProviderKind {
  readonly name: string;
  readonly events: (...pieces: readonly string[]) => readonly ServerEvent[];
  readonly model: (url: string, maxTokens?: number) => ChatOpenAI | ChatAnthropic;
  /** The member of a request that limits the output. */
  readonly limit: string;
}

const openAI = (url: string, maxTokens: number | undefined, useResponsesApi: boolean): ChatOpenAI =>
  new ChatOpenAI({
    model: "gpt-test",
    apiKey: "none",
    maxRetries: 0,
    useResponsesApi,
    ...(maxTokens !== undefined && { maxTokens }),
    configuration: { baseURL: `${url}/v1` },
  });

/** The models that are run against loopback servers. */
export const PROVIDERS: readonly ProviderKind[] = [
  {
    name: "ChatOpenAI with chat completions",
    events: completionEvents,
    model: (url, maxTokens) => openAI(url, maxTokens, false),
    limit: "max_tokens",
  },
  {
    name: "ChatOpenAI with responses",
    events: responseEvents,
    model: (url, maxTokens) => openAI(url, maxTokens, true),
    limit: "max_output_tokens",
  },
  {
    name: "ChatAnthropic",
    events: messageEvents,
    model: (url, maxTokens) =>
      new ChatAnthropic({
        model: "claude-test",
        apiKey: "none",
        maxRetries: 0,
        ...(maxTokens !== undefined && { maxTokens }),
        anthropicApiUrl: url,
      }),
    limit: "max_tokens",
  },
];
