import type { ChatModelStreamEvent } from "@langchain/core/language_models/event";

import { withoutTokens } from "./log-probabilities.ts";
import { isPlainObject } from "./message-content.ts";
import { ShownTexts, type OpenText } from "./shown-texts.ts";

/** What can be shown of an answer whose events are told while it comes. */
export interface ShownEvents {
  /** @returns The events that show what can be shown now. */
  take(event: ChatModelStreamEvent): readonly ChatModelStreamEvent[];
  /** @returns What was still held, once the answer was judged. */
  rest(): readonly ChatModelStreamEvent[];
}

/** The member of a block that each kind of delta continues. */
const CONTINUED = {
  "text-delta": "text",
  "reasoning-delta": "reasoning",
  "tool-call-delta": "args",
  "data-delta": "data",
} as const;

type Delta = Extract<ChatModelStreamEvent, { event: "content-block-delta" }>;
type Start = Extract<ChatModelStreamEvent, { event: "content-block-start" }>;
type Finish = Extract<ChatModelStreamEvent, { event: "content-block-finish" }>;

/** Shows an answer block by block: deltas as they can leave, and at its end the block as it is then known. */
export function shownEvents(open: OpenText): ShownEvents {
  const texts = new ShownTexts<Delta>(open);
  const blocks = new ShownBlocks(texts);
  return {
    take(event) {
      switch (event.event) {
        case "message-start":
        case "usage":
          return [event];
        case "content-block-start":
          return [{ ...event, content: begun(texts, event.content) }, ...blocks.begin(event)];
        case "content-block-delta":
          // The whole of a member as far as it has come, which its block repeats when it is finished.
          return Object.hasOwn(CONTINUED, event.delta.type) ? [blocks.goOn(event)] : [];
        case "content-block-finish":
          return blocks.finish(event);
        case "message-finish": {
          const { responseMetadata: metadata, ...rest } = event;
          const shown = metadata === undefined ? undefined : texts.whole(withoutTokens(metadata));
          return [
            ...texts.end(),
            { ...rest, ...(isPlainObject(shown) && { responseMetadata: { ...shown } }) },
          ];
        }
        case "error":
          return [{ ...event, message: String(texts.whole(event.message)) }];
        // The provider's own words for what is shown here, and whatever nobody knows yet.
        default:
          return [];
      }
    },
    rest: () => texts.end(),
  };
}

const SAID: ReadonlySet<string> = new Set([...Object.values(CONTINUED), "thinking"]);

/** A block as it begins says what it is; what it says comes in deltas, and whole at its end. */
function begun(texts: ShownTexts<Delta>, content: Start["content"]): Start["content"] {
  const kept = Object.entries(content).flatMap(([name, value]: [string, unknown]) => {
    if (["id", "name", "type", "index", "mimeType"].includes(name)) return [[name, texts.whole(value)]];
    return SAID.has(name) && typeof value === "string" ? [[name, ""]] : [];
  });
  // The same kind of block.
  return Object.fromEntries(kept) as Start["content"];
}

/** What was shown of a block that had no index of its own. */
interface Piece {
  readonly member: string;
  text: string;
}

/**
 * The blocks of an answer. LangChain makes a block of its own of each piece that came without an index: those are pieces
 * of one text.
 */
class ShownBlocks {
  readonly #texts: ShownTexts<Delta>;
  readonly #pieces = new Map<number, Piece>();
  #run: { readonly type: string; readonly path: string } | undefined;

  constructor(texts: ShownTexts<Delta>) {
    this.#texts = texts;
  }

  /** What a block says as it begins is the first of what its deltas continue. */
  begin({ index, content }: Start): readonly Delta[] {
    // Any block, of which only texts are taken.
    const said = content as unknown as Readonly<Record<string, unknown>>;
    const first = Object.entries(CONTINUED).flatMap(([type, name]) => {
      const member = said["type"] === "thinking" && name === "reasoning" ? "thinking" : name;
      const text = said[member];
      return typeof text === "string" && text !== "" ? [{ type, name, member, text }] : [];
    });
    const [only] = first;
    if (only === undefined || first.length > 1 || said["index"] !== undefined) this.#run = undefined;
    else {
      if (this.#run?.type !== only.type) this.#run = { type: only.type, path: `${index}.${only.type}` };
      this.#pieces.set(index, { member: only.member, text: "" });
    }
    return first.map(({ type, name, text }) => {
      const delta = { type, [name]: text } as unknown as Delta["delta"];
      return this.goOn({ event: "content-block-delta", index, delta }, this.#run?.path);
    });
  }

  goOn(event: Delta, path = `${event.index}.${event.delta.type}`): Delta {
    const { delta, index } = event;
    const member = CONTINUED[delta.type as keyof typeof CONTINUED];
    // Each kind of delta has the text under the name of what it continues.
    const text = (delta as unknown as Readonly<Record<string, string>>)[member] ?? "";
    const showing = (shown: string): Delta => {
      const piece = this.#pieces.get(index);
      if (piece !== undefined) piece.text += shown;
      return { ...event, delta: { ...delta, [member]: shown } };
    };
    return showing(this.#texts.piece(path, text, showing));
  }

  finish(event: Finish): readonly ChatModelStreamEvent[] {
    const run = this.#run?.path;
    this.#run = undefined;
    const held = [...(run === undefined ? [] : this.#texts.end(run)), ...this.#texts.end(`${event.index}.`)];
    const piece = this.#pieces.get(event.index);
    const content = piece === undefined ? event.content : { ...event.content, [piece.member]: piece.text };
    // The same kind of block.
    return [
      ...held,
      { ...event, content: this.#texts.whole(withoutTokens(content)) as typeof event.content },
    ];
  }
}
