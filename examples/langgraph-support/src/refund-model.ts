import { BaseChatModel } from "@langchain/core/language_models/chat_models";
import { AIMessage, ToolMessage, type BaseMessage } from "@langchain/core/messages";
import type { ChatResult } from "@langchain/core/outputs";

/** A model on this machine that refunds once and then says so: it needs no key and knows only the messages. */
export class RefundModel extends BaseChatModel {
  readonly model = "script-1";

  constructor() {
    super({});
  }

  _llmType(): string {
    return "script";
  }

  override bindTools(): this {
    return this;
  }

  // LangChain calls this from a promise and expects one.
  _generate(messages: BaseMessage[]): Promise<ChatResult> {
    const last = messages.at(-1);
    const message = ToolMessage.isInstance(last)
      ? new AIMessage(`The refund was made: ${last.text}`)
      : new AIMessage({
          content: "",
          tool_calls: [{ id: "call_1", name: "refund", args: { order: "A-17", amount: 40 } }],
        });
    return Promise.resolve({ generations: [{ text: message.text, message }] });
  }
}
