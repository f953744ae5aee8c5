import { randomUUID } from "node:crypto";

import type { BaseChatModelParams } from "@langchain/core/language_models/chat_models";
import { BaseChatModel } from "@langchain/core/language_models/chat_models";
import { AIMessage, type BaseMessage, type UsageMetadata } from "@langchain/core/messages";
import type { ChatResult } from "@langchain/core/outputs";

/** One turn of a scripted model: it calls tools, or says something and ends. */
export type Turn = { readonly call: string; readonly args: object } | { readonly say: string };

/**
 * A chat model that follows a script, so that the example needs no key and shows the same on every run. To LangChain it
 * is a model like any other: it counts tokens, calls tools and is governed in the same place.
 */
export class ScriptedModel extends BaseChatModel {
  readonly model = "scripted-1";
  readonly #turns: Turn[];

  constructor(turns: readonly Turn[], params: BaseChatModelParams = {}) {
    super(params);
    this.#turns = [...turns];
  }

  _llmType(): string {
    return "scripted";
  }

  override bindTools(): this {
    return this;
  }

  // LangChain calls this from a promise and expects one.
  _generate(messages: BaseMessage[]): Promise<ChatResult> {
    const turn = this.#turns.shift() ?? { say: "I have nothing more to do." };
    const message = new AIMessage({
      content: "say" in turn ? turn.say : "",
      ...("call" in turn && {
        tool_calls: [{ id: `call_${randomUUID()}`, name: turn.call, args: { ...turn.args } }],
      }),
    });
    // Set afterwards: LangChain's type of the field takes no value.
    Object.assign(message, { usage_metadata: usage(messages, turn) });
    return Promise.resolve({ generations: [{ text: message.text, message }] });
  }
}

/** About what a provider would count: four characters to a token. */
function usage(messages: readonly BaseMessage[], turn: Turn): UsageMetadata {
  const input = tokens(messages.map(({ text }) => text).join("\n"));
  const output = tokens(JSON.stringify(turn));
  return { input_tokens: input, output_tokens: output, total_tokens: input + output };
}

function tokens(text: string): number {
  return Math.ceil(text.length / 4);
}
