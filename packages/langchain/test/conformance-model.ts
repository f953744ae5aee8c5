import type { ScriptAgent, ScriptTurn, SeenModelCall } from "@agentplane/core/testing";
import type { CallbackManagerForLLMRun } from "@langchain/core/callbacks/manager";
import { BaseChatModel } from "@langchain/core/language_models/chat_models";
import {
  AIMessage,
  AIMessageChunk,
  ToolMessage,
  type BaseMessage,
  type UsageMetadata,
} from "@langchain/core/messages";
import { ChatGenerationChunk, type ChatResult } from "@langchain/core/outputs";

/** A chat model that plays the turns of a conformance script, one each time it is reached. */
export class ConformanceModel extends BaseChatModel {
  readonly model = "script-1";
  readonly #script: ScriptAgent;
  readonly #onCall: (seen: SeenModelCall, messages: readonly BaseMessage[]) => void;
  #tools: readonly string[] = [];
  #maxOutputTokens: number | undefined;
  #turn = 0;

  constructor(script: ScriptAgent, onCall: (seen: SeenModelCall, messages: readonly BaseMessage[]) => void) {
    super({});
    this.#script = script;
    this.#onCall = onCall;
  }

  _llmType(): string {
    return "script";
  }

  override bindTools(tools: readonly object[], options: object = {}): this {
    this.#maxOutputTokens = "maxTokens" in options ? Number(options.maxTokens) : undefined;
    this.#tools = namesOf(tools);
    return this;
  }

  async _generate(messages: BaseMessage[], options: object = {}): Promise<ChatResult> {
    const { text, calls = [], usage } = this.#next(messages, options);
    let content = "";
    for await (const piece of this.#pieces(text)) content += piece;
    const message = new AIMessage({
      id: this.#messageId(),
      content,
      tool_calls: calls.map(({ id, tool, input }) => ({ id, name: tool, args: { ...input } })),
    });
    return { generations: [{ text: message.text, message: withUsage(message, usage) }] };
  }

  override async *_streamResponseChunks(
    messages: BaseMessage[],
    options: this["ParsedCallOptions"],
    runManager?: CallbackManagerForLLMRun,
  ): AsyncGenerator<ChatGenerationChunk> {
    const { text, calls = [], usage } = this.#next(messages, options);
    const id = this.#messageId();
    for await (const piece of this.#pieces(text)) {
      const chunk = new ChatGenerationChunk({
        text: piece,
        message: new AIMessageChunk({ id, content: piece }),
      });
      yield chunk;
      await runManager?.handleLLMNewToken(piece, undefined, undefined, undefined, undefined, { chunk });
    }
    const tool_call_chunks = calls.map((call, index) => ({
      id: call.id,
      name: call.tool,
      args: JSON.stringify(call.input),
      index,
      type: "tool_call_chunk" as const,
    }));
    const message = new AIMessageChunk({ id, content: "", tool_call_chunks });
    yield new ChatGenerationChunk({ text: "", message: withUsage(message, usage) });
  }

  #next(
    messages: readonly BaseMessage[],
    options: object,
  ): Pick<ScriptTurn, "calls" | "usage"> & { readonly text: ScriptTurn } {
    const prompt = JSON.stringify(messages.map((message) => readable(message)));
    const maxOutputTokens = "maxTokens" in options ? Number(options.maxTokens) : this.#maxOutputTokens;
    const limit = maxOutputTokens === undefined ? {} : { maxOutputTokens };
    const offered = "tools" in options && Array.isArray(options.tools) ? namesOf(options.tools) : this.#tools;
    this.#onCall({ agent: this.#script.agent, prompt, offered, ...limit }, messages);
    const turn = this.#script.turns[this.#turn++] ?? { text: ["done"] };
    return { ...turn, text: turn };
  }

  async *#pieces({ text = [], beforePiece }: ScriptTurn): AsyncGenerator<string> {
    if (text.length === 0) await beforePiece?.(0);
    for (const [position, piece] of text.entries()) {
      // oxlint-disable-next-line no-await-in-loop -- a stream gives one piece after the other
      await beforePiece?.(position);
      yield piece;
    }
  }

  #messageId(): string {
    return `${this.#script.agent}-${this.#turn}`;
  }
}

function namesOf(tools: readonly object[]): readonly string[] {
  return tools.flatMap((tool) => ("name" in tool ? [String(tool.name)] : []));
}

/** What the model reads of a message: not the id, which LangChain draws at random. */
function readable(message: BaseMessage): object {
  const { type, content } = message;
  if (AIMessage.isInstance(message)) return { type, content, calls: message.tool_calls };
  if (!ToolMessage.isInstance(message)) return { type, content };
  const { tool_call_id, name, status } = message;
  return { type, content, tool_call_id, name, status };
}

/** Set afterwards: LangChain's type of the field takes no value. */
function withUsage<M extends AIMessage | AIMessageChunk>(message: M, usage: ScriptTurn["usage"]): M {
  if (usage === undefined) return message;
  const { inputTokens = 0, outputTokens = 0 } = usage;
  const reported: UsageMetadata = {
    input_tokens: inputTokens,
    output_tokens: outputTokens,
    total_tokens: inputTokens + outputTokens,
  };
  return Object.assign(message, { usage_metadata: reported });
}
