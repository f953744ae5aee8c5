import type { BaseCallbackHandler } from "@langchain/core/callbacks/base";
import type { BaseChatModel } from "@langchain/core/language_models/chat_models";
import { ChatOpenAI } from "@langchain/openai";

import { ScriptedModel, type Turn } from "./scripted-model.ts";

/** Whether a real model is used: when there is a key for one. */
export function hasRealModel(): boolean {
  return (process.env["OPENAI_API_KEY"] ?? "") !== "";
}

/**
 * A real model with `OPENAI_API_KEY` (and `OPENAI_MODEL`, default `gpt-4.1-mini`), else one that follows the script.
 * @param handler Hears of every call that is really made.
 */
export function chooseModel(script: readonly Turn[], handler: BaseCallbackHandler): BaseChatModel {
  const callbacks = [handler];
  if (!hasRealModel()) return new ScriptedModel(script, { callbacks });
  return new ChatOpenAI({ model: process.env["OPENAI_MODEL"] ?? "gpt-4.1-mini", temperature: 0, callbacks });
}
