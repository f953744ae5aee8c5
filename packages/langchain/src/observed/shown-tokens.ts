import type { ChatModelStreamEvent } from "@langchain/core/language_models/event";
import { AIMessageChunk } from "@langchain/core/messages";
import { ChatGenerationChunk } from "@langchain/core/outputs";

import type { Tell, TellAs } from "./observed-handler.ts";
import { completionOf, shownChunks, type ShownChunks } from "../shown/shown-chunk.ts";
import { shownEvents, type ShownEvents } from "../shown/shown-events.ts";
import type { OpenText } from "../shown/shown-texts.ts";

/** What one callback handler is told of answers that are redacted while they come. */
export interface ShownTokens {
  /** Tells it what can be shown now. */
  token(args: readonly unknown[], as: TellAs): unknown;
  event(args: readonly unknown[], as: TellAs): unknown;
  /** Tells it the rest of an answer that was judged, and then of its end. */
  end(runId: unknown, tell: Tell): Tell;
}

interface Told {
  readonly chunks: ShownChunks;
  readonly events: ShownEvents;
  /** Tells more of it. */
  token?: (chunk: ChatGenerationChunk) => unknown;
  event?: (event: ChatModelStreamEvent) => unknown;
}

/** Keeps the answers of one handler apart: a call may try several models. */
export function shownTokens(open: OpenText): ShownTokens {
  const answers = new Map<unknown, Told>();
  const toldOf = (runId: unknown): Told => {
    const known = answers.get(runId) ?? { chunks: shownChunks(open), events: shownEvents(open) };
    answers.set(runId, known);
    return known;
  };
  return {
    token(args, as) {
      const [token, at, runId, parent, tags, fields] = args;
      const told = toldOf(runId);
      told.token = (chunk) => {
        const index = { ...objectOf(at), completion: completionOf(chunk) };
        return as([chunk.text, index, runId, parent, tags, { ...objectOf(fields), chunk }]);
      };
      return inOrder(told.chunks.take(chunkOf(token, fields)), told.token);
    },
    event([event, runId, ...rest], as) {
      const told = toldOf(runId);
      told.event = (shown) => as([shown, runId, ...rest]);
      // What LangChain tells here is an event.
      return inOrder(told.events.take(event as ChatModelStreamEvent), told.event);
    },
    end: (runId, tell) => async (shown) => {
      const told = answers.get(runId);
      answers.delete(runId);
      if (told !== undefined && shown !== undefined && "result" in shown && shown.isWithheld !== true) {
        await inOrder(told.chunks.rest(), told.token);
        await inOrder(told.events.rest(), told.event);
      }
      return tell(shown);
    },
  };
}

/** Sometimes a handler is told of a token's text alone. */
function chunkOf(token: unknown, fields: unknown): ChatGenerationChunk {
  const { chunk } = objectOf(fields);
  if (chunk instanceof ChatGenerationChunk) return chunk;
  const text = typeof token === "string" ? token : "";
  return new ChatGenerationChunk({ text, message: new AIMessageChunk(text) });
}

function objectOf(value: unknown): { readonly chunk?: unknown } {
  return typeof value === "object" && value !== null ? value : {};
}

async function inOrder<T>(values: readonly T[], tell: ((value: T) => unknown) | undefined): Promise<void> {
  for (const value of values) {
    // oxlint-disable-next-line no-await-in-loop -- handlers hear of events in their order
    await tell?.(value);
  }
}
