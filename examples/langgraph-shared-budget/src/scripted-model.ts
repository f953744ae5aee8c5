import { BaseChatModel } from "@langchain/core/language_models/chat_models";
import { AIMessage, type BaseMessage, type UsageMetadata } from "@langchain/core/messages";
import type { ChatResult } from "@langchain/core/outputs";

/** A model on this machine that always needs as much, so that the example needs no key and shows the same each time. */
export class ScriptedModel extends BaseChatModel {
  readonly model = "script-1";
  readonly maxTokens = 100;
  readonly #says: (asked: string) => string;

  constructor(says: (asked: string) => string) {
    super({});
    this.#says = says;
  }

  _llmType(): string {
    return "script";
  }

  // LangChain calls this from a promise and expects one.
  _generate(messages: BaseMessage[]): Promise<ChatResult> {
    const message = new AIMessage(this.#says(messages.at(-1)?.text ?? ""));
    const usage: UsageMetadata = { input_tokens: 100, output_tokens: 100, total_tokens: 200 };
    // Set afterwards: LangChain's type of the field takes no value.
    Object.assign(message, { usage_metadata: usage });
    return Promise.resolve({ generations: [{ text: message.text, message }] });
  }
}
