import { setImmediate } from "node:timers/promises";

import { BaseChatModel } from "@langchain/core/language_models/chat_models";
import { AIMessage, AIMessageChunk, type BaseMessage, type UsageMetadata } from "@langchain/core/messages";
import type { CallbackManagerForLLMRun } from "@langchain/core/callbacks/manager";
import { ChatGenerationChunk, type ChatResult } from "@langchain/core/outputs";

/** One turn: text, tool calls, or an error that the provider gives. */
export interface Turn {
  readonly text?: string | readonly object[];
  readonly calls?: readonly { readonly id?: string; readonly name: string; readonly args?: object }[];
  readonly error?: Error;
}

const USAGE: UsageMetadata = {
  input_tokens: 30,
  output_tokens: 12,
  total_tokens: 42,
  input_token_details: { cache_read: 5 },
};

/** A chat model that follows a script and streams text, tool calls and usage; it remembers what it was asked. */
export class ScriptedChatModel extends BaseChatModel {
  readonly model: string = "scripted-1";
  readonly prompts: BaseMessage[][] = [];
  readonly offered: string[][] = [];
  /** Awaited before each answer, as a provider is. */
  thinks: () => Promise<void> = async () => undefined;
  readonly #turns: Turn[];
  #tools: string[] = [];

  constructor(...turns: readonly Turn[]) {
    super({});
    this.#turns = [...turns];
  }

  _llmType(): string {
    return "scripted";
  }

  override bindTools(tools: readonly object[]): this {
    this.#tools = tools.map((tool) =>
      "name" in tool ? String(tool.name) : "type" in tool ? String(tool.type) : "?",
    );
    return this;
  }

  async _generate(messages: BaseMessage[]): Promise<ChatResult> {
    const { text = "", calls = [] } = await this.#next(messages);
    const message = new AIMessage({
      id: `msg_${this.prompts.length}`,
      content: typeof text === "string" ? text : ([...text] as never),
      tool_calls: calls.map(({ id, name, args = {} }, at) => ({
        id: id ?? `call_${this.prompts.length}_${at}`,
        name,
        args: { ...args },
      })),
      response_metadata: { finish_reason: "stop" },
    });
    return { generations: [{ text: message.text, message: withUsage(message) }] };
  }

  override async *_streamResponseChunks(
    messages: BaseMessage[],
    _options: this["ParsedCallOptions"],
    runManager?: CallbackManagerForLLMRun,
  ): AsyncGenerator<ChatGenerationChunk> {
    const { text = "", calls = [] } = await this.#next(messages);
    const id = `msg_${this.prompts.length}`;
    for (const piece of typeof text === "string" ? text.split(/(?<= )/) : []) {
      const chunk = new ChatGenerationChunk({
        text: piece,
        message: new AIMessageChunk({ id, content: piece }),
      });
      yield chunk;
      // oxlint-disable-next-line no-await-in-loop -- tokens come one after the other
      await runManager?.handleLLMNewToken(piece, undefined, undefined, undefined, undefined, { chunk });
    }
    const tool_call_chunks = calls.map(({ id: callId, name, args = {} }, index) => ({
      id: callId ?? `call_${this.prompts.length}_${index}`,
      name,
      args: JSON.stringify(args),
      index,
      type: "tool_call_chunk" as const,
    }));
    yield new ChatGenerationChunk({
      text: "",
      message: withUsage(new AIMessageChunk({ id, content: "", tool_call_chunks })),
    });
  }

  async #next(messages: BaseMessage[]): Promise<Turn> {
    this.prompts.push(messages);
    this.offered.push(this.#tools);
    const turn = this.#turns.shift() ?? { text: "done" };
    await this.thinks();
    if (turn.error !== undefined) {
      // As from a network: LangGraph has told by then that the step has begun.
      await setImmediate();
      throw turn.error;
    }
    return turn;
  }
}

/** Set afterwards: LangChain's type of the field takes no value. */
function withUsage<M extends AIMessage | AIMessageChunk>(message: M): M {
  return Object.assign(message, { usage_metadata: { ...USAGE } });
}
