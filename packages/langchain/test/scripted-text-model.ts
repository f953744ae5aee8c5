import type { CallbackManagerForLLMRun } from "@langchain/core/callbacks/manager";
import { BaseLLM } from "@langchain/core/language_models/llms";
import { GenerationChunk, type LLMResult } from "@langchain/core/outputs";

/** A model of texts, not of chats, that follows a script, streams word by word and tells of its usage as OpenAI does. */
export class ScriptedTextModel extends BaseLLM {
  readonly model = "scripted-text-1";
  readonly prompts: string[] = [];
  readonly #texts: string[];

  constructor(...texts: readonly string[]) {
    super({});
    this.#texts = [...texts];
  }

  _llmType(): string {
    return "scripted";
  }

  override invocationParams(): object {
    return { model: this.model, max_tokens: 20 };
  }

  // LangChain calls this from a promise and expects one.
  async _generate(prompts: string[]): Promise<LLMResult> {
    const generations = prompts.map((prompt) => [{ text: this.#next(prompt) }]);
    return { generations, llmOutput: { tokenUsage: { promptTokens: 30, completionTokens: 12 } } };
  }

  override async *_streamResponseChunks(
    prompt: string,
    _options: this["ParsedCallOptions"],
    runManager?: CallbackManagerForLLMRun,
  ): AsyncGenerator<GenerationChunk> {
    for (const piece of this.#next(prompt).split(/(?<= )/)) {
      yield new GenerationChunk({ text: piece });
      // oxlint-disable-next-line no-await-in-loop -- tokens come one after the other
      await runManager?.handleLLMNewToken(piece);
    }
  }

  #next(prompt: string): string {
    this.prompts.push(prompt);
    return this.#texts.shift() ?? "done";
  }
}
