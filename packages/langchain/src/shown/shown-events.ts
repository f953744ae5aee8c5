import type { ChatModelStreamEvent } from "@langchain/core/language_models/event";

import { withoutTokens } from "../content/log-probabilities.ts";
import { isPlainObject } from "../content/message-content.ts";
import { CONTINUED, ShownBlocks, type Delta, type Start } from "./shown-blocks.ts";
import { ShownTexts, type OpenText } from "./shown-texts.ts";

/** What can be shown of an answer whose events are told while it comes. */
export interface ShownEvents {
  /** @returns The events that show what can be shown now. */
  take(event: ChatModelStreamEvent): readonly ChatModelStreamEvent[];
  /** @returns What was still held, once the answer was judged. */
  rest(): readonly ChatModelStreamEvent[];
}

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
