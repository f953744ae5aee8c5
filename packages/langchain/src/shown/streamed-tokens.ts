import type { Usage } from "@agentplane/core";
import { BaseCallbackHandler } from "@langchain/core/callbacks/base";
import { BaseMessage, AIMessageChunk } from "@langchain/core/messages";

import { usageOf } from "../call/model-facts.ts";

/** Characters in a token of English text, as providers describe their tokenizers: https://platform.openai.com/tokenizer */
const CHARACTERS_PER_TOKEN = 4;

/** Counts what a model streams, for a call that ends without telling. */
export interface StreamedTokens {
  /** @param args What a callback handler is told of a token, or of an event of a stream. */
  take(args: readonly unknown[]): void;
  /** What came so far: as the provider reports it, or estimated from the text; undefined before anything came. */
  usage(): Usage | undefined;
}

/** Starts counting; every handler is told of every token, and each token counts once. */
export function streamedTokens(): StreamedTokens {
  const seen = new WeakSet<object>();
  let characters = 0;
  let reported: Usage = {};
  return {
    take(args) {
      const piece = pieceOf(args);
      if (piece === undefined || seen.has(piece)) return;
      seen.add(piece);
      const usage = usageOf(piece);
      reported = {
        inputTokens: Math.max(reported.inputTokens ?? 0, usage?.inputTokens ?? 0),
        outputTokens: Math.max(reported.outputTokens ?? 0, usage?.outputTokens ?? 0),
      };
      characters += lengthOf(piece);
    },
    usage() {
      if (characters === 0 && !isPositive(reported.outputTokens)) return undefined;
      const estimated = Math.ceil(characters / CHARACTERS_PER_TOKEN);
      return {
        // What was not reported is the plane's to estimate.
        ...(isPositive(reported.inputTokens) && { inputTokens: reported.inputTokens }),
        outputTokens: Math.max(estimated, reported.outputTokens ?? 0),
      };
    },
  };
}

/** Counts what a call streams where its handlers are told. It is awaited, as others may not be: a call that fails finds it up to date. */
export class TokenCounter extends BaseCallbackHandler {
  readonly name = "agentplane.tokens";
  override awaitHandlers = true;
  readonly tokens: StreamedTokens = streamedTokens();

  override copy(): BaseCallbackHandler {
    return this;
  }

  override handleLLMNewToken(...args: readonly unknown[]): void {
    this.tokens.take(args);
  }

  override handleChatModelStreamEvent(...args: readonly unknown[]): void {
    this.tokens.take(args);
  }
}

/** The message of a token, or the event itself. */
function pieceOf(args: readonly unknown[]): object | undefined {
  for (const one of [args[0], args[5]]) {
    if (typeof one !== "object" || one === null) continue;
    if (!("chunk" in one)) return one;
    const { chunk } = one;
    if (typeof chunk !== "object" || chunk === null) continue;
    return "message" in chunk && BaseMessage.isInstance(chunk.message) ? chunk.message : chunk;
  }
  return undefined;
}

function lengthOf(piece: object): number {
  if (!BaseMessage.isInstance(piece)) return "delta" in piece ? JSON.stringify(piece.delta).length : 0;
  const calls = AIMessageChunk.isInstance(piece) ? (piece.tool_call_chunks ?? []) : [];
  return piece.text.length + calls.reduce((sum, { args = "" }) => sum + args.length, 0);
}

function isPositive(tokens: number | undefined): tokens is number {
  return tokens !== undefined && tokens > 0;
}
