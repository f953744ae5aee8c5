import { AIMessageChunk, type AIMessageChunkFields, type BaseMessage } from "@langchain/core/messages";
import { ChatGenerationChunk } from "@langchain/core/outputs";

import { withoutTokens } from "./log-probabilities.ts";
import { isPlainObject, type PlainObject } from "./message-content.ts";
import { ShownTexts, type OpenText } from "./shown-texts.ts";

/** What can be shown of a streamed answer while it comes: chunk by chunk, and at its end the rest. */
export interface ShownChunks {
  /** @returns A chunk that shows what can be shown now; ids and usage are kept. */
  take(chunk: ChatGenerationChunk): ChatGenerationChunk;
  /** @returns What was still held, once the answer was judged. */
  rest(): readonly ChatGenerationChunk[];
}

type Fields = AIMessageChunkFields;

/** Members of which the last one counts, where LangChain puts chunks together; all other texts continue each other. */
const WHOLE: ReadonlySet<string> = new Set(["id", "name", "output_version", "model_provider"]);

/** Shows an answer as LangChain puts its chunks together: text by text, block by block, call by call. */
export function shownChunks(open: OpenText): ShownChunks {
  const texts = new ShownTexts<Fields>(open);
  const walk = new Walk(texts);
  let about: Fields = { content: "" };
  const chunkOf = (fields: Fields): ChatGenerationChunk => {
    const message = new AIMessageChunk({ ...about, ...fields });
    return new ChatGenerationChunk({ message, text: message.text });
  };
  return {
    take({ message, generationInfo }) {
      about = {
        // Once it is a list, LangChain would put an empty text into it.
        content: Array.isArray(message.content) || Array.isArray(about.content) ? [] : "",
        ...(message.id !== undefined && { id: message.id }),
      };
      const shown = chunkOf(shownMessage(walk, message));
      if (generationInfo !== undefined)
        shown.generationInfo = objectOf(texts.whole(withoutTokens(generationInfo)));
      return shown;
    },
    rest: () => texts.end().map(chunkOf),
  };
}

/** What LangChain puts together, text by text; of what it does not, and of metadata, each piece by itself. */
function shownMessage(walk: Walk, message: BaseMessage): Fields {
  // Repeats the calls in the provider's form.
  const { tool_calls: _raw, ...extra } = message.additional_kwargs;
  const { name, response_metadata: metadata } = message;
  const { tool_call_chunks: calls = [], tool_calls: finished = [] } = AIMessageChunk.isInstance(message)
    ? message
    : {};
  // Each place gives back the shape that went into it.
  return {
    content: walk.value(message.content, "content", (content) => ({ content })),
    additional_kwargs: walk.members(extra, "extra", (given) => ({ additional_kwargs: given })),
    response_metadata: objectOf(walk.whole(withoutTokens(metadata))),
    ...(name !== undefined && { name }),
    ...(calls.length > 0 && {
      tool_call_chunks: walk.items(calls, "calls", (given) => ({ tool_call_chunks: given })),
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

/** Puts a value where it belongs in a message of its own. */
type Place = (value: unknown) => object;

/** Goes through a piece of an answer as LangChain merges it: texts of one place continue each other. */
class Walk {
  readonly #texts: ShownTexts<Fields>;
  readonly #items = new Map<string, { id: unknown; readonly path: string }[]>();

  constructor(texts: ShownTexts<Fields>) {
    this.#texts = texts;
  }

  whole(value: unknown): unknown {
    return this.#texts.whole(value);
  }

  value(value: unknown, path: string, place: Place): unknown {
    if (typeof value === "string") return this.#texts.piece(path, value, place);
    if (Array.isArray(value)) return this.items(value, path, place);
    return isPlainObject(value) ? this.members(value, path, place) : this.whole(value);
  }

  members(object: PlainObject, path: string, place: Place, about: object = {}): PlainObject {
    return Object.fromEntries(
      Object.entries(object).map(([name, value]) => {
        if (name === "index" || name === "type") return [name, value];
        if (WHOLE.has(name)) return [name, this.whole(value)];
        const inside: Place = (part) => place({ ...about, [name]: part });
        return [this.whole(name), this.value(value, `${path}.${name}`, inside)];
      }),
    );
  }

  items(list: readonly unknown[], path: string, place: Place): readonly unknown[] {
    return list.map((item) => {
      // What has neither is merged with nothing.
      if (!isPlainObject(item) || (item["index"] ?? item["id"]) === undefined) return this.whole(item);
      const { index, type } = item;
      const { path: at, id } = this.#itemAt(`${path}[${String(index)}]`, item["id"]);
      const about = {
        ...(index !== undefined && { index }),
        ...(type !== undefined && { type }),
        ...(id !== undefined && { id: this.whole(id) }),
      };
      return this.members(item, at, (part) => place([part]), about);
    });
  }

  /** Items of one index are told apart by their ids, where they have any; without one it is the first. */
  #itemAt(path: string, id: unknown): { readonly id: unknown; readonly path: string } {
    const items = this.#items.get(path) ?? [];
    this.#items.set(path, items);
    let item = items.find((one) => id === undefined || one.id === undefined || one.id === id);
    if (item === undefined) items.push((item = { id, path: `${path}#${items.length}` }));
    item.id ??= id;
    return item;
  }
}

function objectOf(value: unknown): Record<string, unknown> {
  return isPlainObject(value) ? { ...value } : {};
}
