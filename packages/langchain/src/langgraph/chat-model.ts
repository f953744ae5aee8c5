import type { BaseChatModel } from "@langchain/core/language_models/chat_models";

/** A chat model of any provider. */
export type ChatModel = BaseChatModel;

/** Tells chat models by what every way of calling one comes down to. */
export function isChatModel(value: unknown): value is ChatModel {
  return (
    typeof value === "object" &&
    value !== null &&
    "_generate" in value &&
    typeof value._generate === "function" &&
    "generatePrompt" in value
  );
}
