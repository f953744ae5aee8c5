import type { CallbackManagerForLLMRun } from "@langchain/core/callbacks/manager";
import type { BaseMessage } from "@langchain/core/messages";
import { AIMessage, AIMessageChunk } from "@langchain/core/messages";
import { ChatGenerationChunk, type ChatGeneration, type ChatResult } from "@langchain/core/outputs";
import { concat } from "@langchain/core/utils/stream";

import { BrokenOff } from "../content/broken-off.ts";
import type { Showing } from "../shown/held-back.ts";
import { joinBlocks } from "../content/joined-blocks.ts";
import { dropTokens } from "../content/log-probabilities.ts";
import { completionOf, shownChunks, type ShownChunks } from "../shown/shown-chunk.ts";
import { streamedTokens } from "../shown/streamed-tokens.ts";
import { createChannel } from "./channel.ts";
import type { ChatModel } from "./chat-model.ts";
import { governedModelCall, type AdmittedCall, type ModelSettings } from "./model-call.ts";

type Options = Readonly<Record<string, unknown>>;
type RunManager = CallbackManagerForLLMRun | undefined;

/** The two methods to which every way of calling a chat model comes down. */
export interface GovernedProvider {
  generate(messages: BaseMessage[], options: Options, runManager?: RunManager): Promise<ChatResult>;
  stream(
    messages: BaseMessage[],
    options: Options,
    runManager?: RunManager,
  ): AsyncGenerator<ChatGenerationChunk>;
}

/** Governs what a model asks its provider. */
export function governedProvider(settings: ModelSettings, model: ChatModel): GovernedProvider {
  return {
    async generate(messages, options, runManager) {
      let whole: ChatResult = { generations: [] };
      const answer = await governedModelCall(settings, { model, messages, options }, async (admitted) => {
        whole = await admitted.model._generate(
          admitted.messages,
          admitted.options,
          // A provider that streams inside would tell of its tokens.
          admitted.showing === "all" ? runManager : undefined,
        );
        return judgedPart(whole, admitted.showing !== "all");
      });
      return withAnswer(whole, answer);
    },
    async *stream(messages, options, runManager) {
      const gone = new AbortController();
      const channel = createChannel<ChatGenerationChunk>();
      const told: { showing: Showing; shown?: ShownChunks } = { showing: "nothing" };
      const run = async (admitted: AdmittedCall): Promise<AIMessage | BrokenOff> => {
        const { showing } = admitted;
        const shown = typeof showing === "object" ? shownChunks(showing.open) : undefined;
        Object.assign(told, { showing, shown });
        return streamed(admitted, {
          gone: gone.signal,
          tell:
            showing === "nothing"
              ? undefined
              : (chunk) => (shown?.take(chunk) ?? [chunk]).forEach(channel.push),
          runManager: showing === "all" ? runManager : undefined,
        });
      };
      const running = governedModelCall(settings, { model, messages, options }, run);
      void running.then(
        () => channel.close(),
        () => channel.close(),
      );
      const tell = async (chunk: ChatGenerationChunk): Promise<void> => {
        const at = { prompt: 0, completion: completionOf(chunk) };
        await runManager?.handleLLMNewToken(chunk.text, at, undefined, undefined, undefined, { chunk });
      };
      try {
        for await (const chunk of channel.values()) {
          yield chunk;
          // Of what it tells itself, the provider has told by now.
          if (told.showing !== "all") await tell(chunk);
        }
        const answer = await running;
        const rest =
          isRefusal(answer) || told.showing === "nothing" ? chunksOf(answer) : (told.shown?.rest() ?? []);
        for (const chunk of rest) {
          if (chunk.message.id === undefined && runManager !== undefined)
            chunk.message._updateId(`run-${runManager.runId}`);
          yield chunk;
          // oxlint-disable-next-line no-await-in-loop -- handlers hear of chunks in their order
          await tell(chunk);
        }
      } finally {
        // The consumer went away in the middle: the provider stops, and what came is charged.
        gone.abort(new Error("nobody reads the answer any more"));
        await running.catch(() => undefined);
      }
    },
  };
}

interface Telling {
  readonly gone: AbortSignal;
  readonly tell: ((chunk: ChatGenerationChunk) => void) | undefined;
  readonly runManager: RunManager;
}

/** Reads a provider's stream to its end. What came before it failed, or before its reader left, was used. */
async function streamed(
  { model, messages, options, showing }: AdmittedCall,
  { gone, tell, runManager }: Telling,
): Promise<AIMessage | BrokenOff> {
  const tokens = streamedTokens();
  // Answers to one prompt come side by side.
  const whole = new Map<number, ChatGenerationChunk>();
  const { signal } = options;
  const either = AbortSignal.any([gone, ...(signal instanceof AbortSignal ? [signal] : [])]);
  try {
    const chunks = model._streamResponseChunks(messages, { ...options, signal: either }, runManager);
    for await (const chunk of chunks) {
      tokens.take([chunk.message]);
      const before = whole.get(completionOf(chunk));
      whole.set(completionOf(chunk), before === undefined ? chunk : concat(before, chunk));
      tell?.(chunk);
      either.throwIfAborted();
    }
  } catch (error) {
    const usage = tokens.usage();
    if (usage === undefined) throw error;
    return new BrokenOff(error, usage);
  }
  if (whole.size === 0) throw new Error("Received empty response from chat model call.");
  return judgedPart({ generations: [...whole.values()] }, showing !== "all");
}

/**
 * What of a result is judged: its message, with what LangChain would add to it later, which may repeat the text token by
 * token; of several generations all messages.
 */
function judgedPart({ generations }: ChatResult, isHeldBack: boolean): AIMessage {
  if (isHeldBack) for (const generation of generations) foldInfo(generation);
  const [only] = generations;
  if (only !== undefined && generations.length === 1 && AIMessage.isInstance(only.message))
    return only.message;
  // Read and written by its members, like a structured response.
  const several: object = { messages: generations.map(({ message }) => message) };
  return several as AIMessage;
}

function foldInfo(generation: ChatGeneration): void {
  const { message, generationInfo } = generation;
  message.response_metadata = { ...generationInfo, ...message.response_metadata };
  joinBlocks(dropTokens(message));
  delete generation.generationInfo;
}

/** The result with its messages as they were judged: they are changed in place. */
function withAnswer(whole: ChatResult, answer: AIMessage): ChatResult {
  if (isRefusal(answer)) return { generations: [{ text: answer.text, message: answer }] };
  for (const generation of whole.generations) generation.text = generation.message.text;
  return whole;
}

function isRefusal(answer: AIMessage): boolean {
  return AIMessage.isInstance(answer) && "agentplane" in (answer.response_metadata ?? {});
}

/** Of several answers all of them. */
function chunksOf(answer: AIMessage): readonly ChatGenerationChunk[] {
  if (AIMessage.isInstance(answer)) return [chunkOf(answer)];
  // What `judgedPart` made of them.
  return (answer as { readonly messages: readonly AIMessage[] }).messages.map(chunkOf);
}

function chunkOf(answer: AIMessage): ChatGenerationChunk {
  const message = answer instanceof AIMessageChunk ? answer : new AIMessageChunk(chunkFields(answer));
  return new ChatGenerationChunk({ text: message.text, message });
}

function chunkFields({ id, name, content, response_metadata, additional_kwargs }: AIMessage): object {
  return {
    content,
    response_metadata,
    additional_kwargs,
    ...(id !== undefined && { id }),
    ...(name !== undefined && { name }),
  };
}
