import type { CallbackManagerForLLMRun } from "@langchain/core/callbacks/manager";
import { BaseChatModel } from "@langchain/core/language_models/chat_models";
import { AIMessageChunk, type AIMessageChunkFields, type BaseMessage } from "@langchain/core/messages";
import { ChatGenerationChunk, type ChatResult } from "@langchain/core/outputs";
import { concat } from "@langchain/core/utils/stream";

/** A chat model that streams its first answer in pieces, gives it whole to who does not stream, and then says "done". */
export class PiecedModel extends BaseChatModel {
  readonly model = "pieced-1";
  #pieces: readonly AIMessageChunkFields[];
  readonly #before: (at: number) => unknown;
  readonly #info: (at: number) => Record<string, unknown>;

  constructor(
    pieces: readonly AIMessageChunkFields[],
    {
      before = () => undefined,
      info = () => ({}),
    }: {
      readonly before?: (at: number) => unknown;
      readonly info?: (at: number) => Record<string, unknown>;
    } = {},
  ) {
    super({});
    this.#pieces = pieces;
    this.#before = before;
    this.#info = info;
  }

  _llmType(): string {
    return "pieced";
  }

  override bindTools(): this {
    return this;
  }

  async _generate(messages: BaseMessage[], options: this["ParsedCallOptions"]): Promise<ChatResult> {
    let whole: ChatGenerationChunk | undefined;
    for await (const chunk of this._streamResponseChunks(messages, options))
      whole = whole === undefined ? chunk : concat(whole, chunk);
    return { generations: whole === undefined ? [] : [whole] };
  }

  override async *_streamResponseChunks(
    _messages: BaseMessage[],
    _options: this["ParsedCallOptions"],
    runManager?: CallbackManagerForLLMRun,
  ): AsyncGenerator<ChatGenerationChunk> {
    const pieces = this.#pieces;
    this.#pieces = [{ id: "msg_2", content: "done" }];
    for (const [at, fields] of pieces.entries()) {
      // oxlint-disable-next-line no-await-in-loop -- pieces come one after the other
      await this.#before(at);
      const message = new AIMessageChunk({ id: "msg_1", ...fields });
      const chunk = new ChatGenerationChunk({
        text: message.text,
        message,
        generationInfo: this.#info(at),
      });
      yield chunk;
      // oxlint-disable-next-line no-await-in-loop
      await runManager?.handleLLMNewToken(chunk.text, undefined, undefined, undefined, undefined, { chunk });
    }
  }
}
