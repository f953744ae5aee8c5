import type { Dialect, StreamDialect } from "./dialect.ts";
import { countOf, recordOf, replacedAt, textOf, type JsonRecord } from "./json.ts";
import { STORED_ITEMS } from "./stored-items.ts";

const TEXT = ["delta", "content", "text"] as const;

/** Events of a session of an agent that Anthropic runs; where a request asks for it, messages also come piece by piece. */
const STREAM: StreamDialect = {
  // The path says so, no member of the request.
  isAsked: () => true,
  withUsage: (request) => request,
  isUsageOnly: () => false,
  read(event) {
    const text = textOfDelta(event);
    const message = textOf(event["event_id"]) ?? "";
    const index = countOf(recordOf(event["delta"])?.["index"]) ?? 0;
    if (text !== undefined) {
      return { pieces: [{ slot: `${message}/${index}/`, path: TEXT, text }], covered: ["delta"] };
    }
    // A request of the model that ends early has no message that would end its pieces.
    const isLast = event["type"] === "span.model_request_end";
    const id = textOf(event["id"]);
    return { pieces: [], ends: isLast ? [""] : id === undefined ? [] : [`${id}/`] };
  },
  isNamed: true,
  rest: (event, { path }, text) => recordOf(replacedAt(event, path, text)) ?? {},
};

function textOfDelta({ type, delta }: JsonRecord): string | undefined {
  const text = recordOf(recordOf(delta)?.["content"])?.["text"];
  return type === "event_delta" && typeof text === "string" ? text : undefined;
}

/** `GET …/sessions/{id}/events` and those of its threads. */
export const SESSION_ITEMS: Dialect = { ...STORED_ITEMS, provider: "anthropic" };

/** The same as they happen: `…/events/stream`, `…/threads/{id}/stream`. */
export const SESSION_EVENTS: Dialect = { ...SESSION_ITEMS, stream: STREAM };
