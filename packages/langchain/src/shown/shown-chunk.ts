import {
  AIMessageChunk,
  type AIMessageChunkFields,
  type BaseMessage,
  type ToolCallChunk,
} from "@langchain/core/messages";
import { ChatGenerationChunk } from "@langchain/core/outputs";

import { placedCalls } from "../content/joined-blocks.ts";
import { withoutTokens } from "../content/log-probabilities.ts";
import { isPlainObject } from "../content/message-content.ts";
import { ShownTexts, type OpenText } from "./shown-texts.ts";
import { ShownWalk } from "./shown-walk.ts";

/** What can be shown of a streamed answer while it comes: chunk by chunk, and at its end the rest. */
export interface ShownChunks {
  /** @returns Chunks that show what can be shown now; ids and usage are kept. */
  take(chunk: ChatGenerationChunk): readonly ChatGenerationChunk[];
  /** @returns What was still held, once the answer was judged. */
  rest(): readonly ChatGenerationChunk[];
}

type Fields = AIMessageChunkFields;

/** Which of several answers to one prompt it is a piece of. */
export function completionOf({ generationInfo }: ChatGenerationChunk): number {
  const completion: unknown = generationInfo?.["completion"];
  return typeof completion === "number" ? completion : 0;
}

/** Shows answers as LangChain puts their chunks together: text by text, block by block, call by call. */
export function shownChunks(open: OpenText): ShownChunks {
  const answers = new Map<number, ShownChunks>();
  return {
    take(chunk) {
      const completion = completionOf(chunk);
      const answer = answers.get(completion) ?? shownAnswer(open, completion);
      answers.set(completion, answer);
      return answer.take(chunk);
    },
    rest: () => [...answers.values()].flatMap((answer) => answer.rest()),
  };
}

function shownAnswer(open: OpenText, completion: number): ShownChunks {
  const texts = new ShownTexts<Fields>(open);
  const walk = new ShownWalk<Fields>(texts);
  const placed = placedCalls();
  let about: Fields = { content: "" };
  let metadata = new AIMessageChunk("");
  const chunkOf = (fields: Fields): ChatGenerationChunk => {
    const message = new AIMessageChunk({ ...about, ...fields });
    return new ChatGenerationChunk({
      message,
      text: message.text,
      ...(completion > 0 && { generationInfo: { completion } }),
    });
  };
  return {
    take({ message, generationInfo }) {
      const fields = shownMessage(walk, message, placed);
      // LangChain puts the two together, and texts in them, too.
      metadata = metadata.concat(metadataOf({ ...generationInfo, ...message.response_metadata }));
      const ended = walk.ended().map(chunkOf);
      about = {
        // Once it is a list, LangChain would put an empty text into it.
        content: Array.isArray(message.content) || Array.isArray(about.content) ? [] : "",
        ...(message.id !== undefined && { id: message.id }),
      };
      return [...ended, chunkOf(fields)];
    },
    rest() {
      const shown = objectOf(texts.whole(metadata.response_metadata));
      const held = texts.end().map(chunkOf);
      return Object.keys(shown).length === 0 ? held : [...held, chunkOf({ response_metadata: shown })];
    },
  };
}

function metadataOf(metadata: Record<string, unknown>): AIMessageChunk {
  return new AIMessageChunk({ content: "", response_metadata: withoutTokens(metadata) });
}

/** What LangChain puts together, text by text; of what it does not, each piece by itself. */
function shownMessage(
  walk: ShownWalk<Fields>,
  message: BaseMessage,
  placed: (chunk: ToolCallChunk) => ToolCallChunk,
): Fields {
  // Repeats the calls in the provider's form.
  const { tool_calls: _raw, ...extra } = message.additional_kwargs;
  const { name } = message;
  const { tool_call_chunks: calls = [], tool_calls: finished = [] } = AIMessageChunk.isInstance(message)
    ? message
    : {};
  const within =
    (member: string) =>
    (given: unknown): Fields => ({ [member]: given });
  return {
    content: walk.content(withoutTokens(message.content), within("content")),
    additional_kwargs: walk.members(withoutTokens(extra), "extra", within("additional_kwargs")),
    ...(name !== undefined && walk.members({ name }, "message", within("name"))),
    ...(calls.length > 0 && {
      tool_call_chunks: walk.items(calls.map(placed), "calls", within("tool_call_chunks")),
    }),
    // Some providers stream a call as a whole.
    ...(calls.length === 0 &&
      finished.length > 0 && {
        tool_calls: finished.map((call) => ({
          ...call,
          name: walk.whole(call.name),
          args: walk.whole(call.args),
        })),
      }),
    ...("usage_metadata" in message &&
      message.usage_metadata !== undefined && { usage_metadata: message.usage_metadata }),
  } as Fields;
}

function objectOf(value: unknown): Record<string, unknown> {
  return isPlainObject(value) ? { ...value } : {};
}
