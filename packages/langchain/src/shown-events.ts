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

/** Shows an answer block by block: deltas as they can leave, and at its end the block as it is then known. */
export function shownEvents(open: OpenText): ShownEvents {
  const texts = new ShownTexts<Delta>(open);
  return {
    take(event) {
      switch (event.event) {
        case "message-start":
        case "usage":
          return [event];
        case "content-block-start":
          return [{ ...event, content: begun(texts, event.content) }, ...firstDeltas(texts, event)];
        case "content-block-delta": {
          const { delta, index } = event;
          // The whole of a member as far as it has come, which its block repeats when it is finished.
          if (!Object.hasOwn(CONTINUED, delta.type)) return [];
          return [shownDelta(texts, event, `${index}.${delta.type}`)];
        }
        case "content-block-finish":
          return [
            ...texts.end(`${event.index}.`),
            { ...event, content: texts.whole(event.content) as typeof event.content },
          ];
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

type Start = Extract<ChatModelStreamEvent, { event: "content-block-start" }>;

const SAID: ReadonlySet<string> = new Set(Object.values(CONTINUED));

/** A block as it begins says what it is; what it says comes in deltas, and whole at its end. */
function begun(texts: ShownTexts<Delta>, content: Start["content"]): Start["content"] {
  const kept = Object.entries(content).flatMap(([name, value]: [string, unknown]) => {
    if (["id", "name"].includes(name)) return [[name, texts.whole(value)]];
    if (["type", "index", "mimeType"].includes(name)) return [[name, value]];
    return SAID.has(name) && typeof value === "string" ? [[name, ""]] : [];
  });
  // The same kind of block.
  return Object.fromEntries(kept) as Start["content"];
}

/** What a block says as it begins is the first of what its deltas continue. */
function firstDeltas(texts: ShownTexts<Delta>, { index, content }: Start): readonly Delta[] {
  // Any block, of which only texts are taken.
  const said = content as unknown as Readonly<Record<string, unknown>>;
  return Object.entries(CONTINUED).flatMap(([type, member]) => {
    const text = said[member];
    if (typeof text !== "string" || text === "") return [];
    const delta = { type, [member]: text } as unknown as Delta["delta"];
    return [shownDelta(texts, { event: "content-block-delta", index, delta }, `${index}.${type}`)];
  });
}

function shownDelta(texts: ShownTexts<Delta>, event: Delta, path: string): Delta {
  const { delta } = event;
  const member = CONTINUED[delta.type as keyof typeof CONTINUED];
  // Each kind of delta has the text under the name of what it continues.
  const text = (delta as unknown as Readonly<Record<string, string>>)[member] ?? "";
  const showing = (shown: string): Delta => ({
    ...event,
    delta: { ...delta, [member]: shown },
  });
  return showing(texts.piece(path, text, showing));
}
