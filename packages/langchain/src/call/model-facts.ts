import type { Usage } from "@agentplane/core";
import { AIMessage, type UsageMetadata } from "@langchain/core/messages";

/** Where chat models of LangChain keep the limit of their output. */
export const OUTPUT_FIELDS: readonly string[] = ["maxTokens", "maxOutputTokens", "numPredict"];

/** Which model is called, and how much output the request allows. */
export interface ModelFacts {
  readonly provider?: string;
  readonly name: string;
  readonly maxOutputTokens?: number;
}

/**
 * Describes a model as LangChain knows it.
 * @param model A chat model, possibly bound to a configuration; anything else is called `unknown`.
 * @param settings Settings of this call; they win over the model's own.
 */
export function describeModel(model: unknown, settings: Readonly<Record<string, unknown>> = {}): ModelFacts {
  const chat = member(model, "bound") ?? model;
  const facts = { ...ownFacts(chat), ...paramsOf(chat), ...chosenFacts(chat) };
  const maxOutputTokens = [
    settings["maxTokens"],
    settings["max_tokens"],
    settings["maxOutputTokens"],
    facts.maxTokens,
    // ChatOpenAI does not tell tracers its limit where it uses responses.
    ...OUTPUT_FIELDS.map((name) => member(chat, name)),
  ].find((tokens) => typeof tokens === "number" && tokens > 0);
  return {
    ...(facts.provider !== undefined && { provider: facts.provider }),
    name: facts.name ?? "unknown",
    // The search above only lets numbers through.
    ...(maxOutputTokens !== undefined && { maxOutputTokens: maxOutputTokens as number }),
  };
}

/**
 * Tokens a response used, as the provider reports them; `inputTokens` includes cached ones.
 * @param response A message, or a structured response with its messages.
 */
export function usageOf(response: unknown): Usage | undefined {
  const message = [response, ...messagesOf(response)].find((one): one is AIMessage =>
    AIMessage.isInstance(one),
  );
  // Without a message structure of its own, LangChain's type of this field comes to nothing; it holds what providers send.
  const usage = message?.usage_metadata as UsageMetadata | undefined;
  if (usage === undefined) return undefined;
  const { cache_read: cacheReadTokens, cache_creation: cacheWriteTokens } = usage.input_token_details ?? {};
  return {
    inputTokens: usage.input_tokens,
    outputTokens: usage.output_tokens,
    ...(cacheReadTokens !== undefined && { cacheReadTokens }),
    ...(cacheWriteTokens !== undefined && { cacheWriteTokens }),
  };
}

interface RawFacts {
  readonly provider?: string;
  readonly name?: string;
  readonly maxTokens?: unknown;
}

/** What chat models tell tracers about themselves: the one description that all providers fill in. */
function paramsOf(chat: unknown): RawFacts {
  const describe = member(chat, "getLsParams");
  if (typeof describe !== "function") return {};
  const params: unknown = Reflect.apply(describe, chat, [{}]);
  return {
    ...textFacts({ provider: member(params, "ls_provider"), name: member(params, "ls_model_name") }),
    maxTokens: member(params, "ls_max_tokens"),
  };
}

function ownFacts(chat: unknown): RawFacts {
  return textFacts({ name: member(chat, "model") ?? member(chat, "modelName") });
}

/** `initChatModel` gives a model that knows its provider's model by name only. */
function chosenFacts(chat: unknown): RawFacts {
  const chosen = member(chat, "_defaultConfig");
  return textFacts({ provider: member(chosen, "modelProvider"), name: member(chosen, "model") });
}

function textFacts({ provider, name }: { readonly provider?: unknown; readonly name?: unknown }): RawFacts {
  return {
    ...(typeof provider === "string" && provider !== "" && { provider }),
    ...(typeof name === "string" && name !== "" && { name }),
  };
}

function messagesOf(response: unknown): readonly unknown[] {
  const messages = member(response, "messages");
  return Array.isArray(messages) ? messages : [];
}

function member(value: unknown, name: string): unknown {
  // Any object may be asked for a member; what comes back is checked by the caller.
  return typeof value === "object" && value !== null ? (value as Record<string, unknown>)[name] : undefined;
}
