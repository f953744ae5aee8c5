import type { StreamCodec } from "@agentplane/core";
import type { StreamEvent } from "@openai/agents";

import { recordOf, replacedAt } from "../protocol/json.ts";
import { withoutOtherForms } from "../protocol/other-forms.ts";
import { usageOf, withoutRaw } from "./model-answer.ts";

/** An event, or a piece of text in it: each carries at most one, so that core can hold it back. */
export type Piece =
  | {
      readonly kind: "text";
      readonly event: StreamEvent;
      readonly slot: string;
      readonly path: readonly (string | number)[];
      readonly text: string;
    }
  /** A slot ends before what follows. */
  | { readonly kind: "end"; readonly slot: string }
  | { readonly kind: "event"; readonly event: StreamEvent };

/** How core reads and writes the pieces. */
export const PIECE_CODEC: StreamCodec<Piece> = {
  read: (piece) => (piece.kind === "text" ? { part: piece.slot, text: piece.text } : undefined),
  write: (piece, text) => (piece.kind === "text" ? { ...piece, text } : piece),
  ends: (piece) => (piece.kind === "end" ? piece.slot : undefined),
  usage: (piece) =>
    piece.kind === "event" && piece.event.type === "response_done"
      ? usageOf(piece.event.response.usage)
      : undefined,
};

const DELTAS = "deltas/";
/** Texts that name or sign something and are no words of the model. */
const STRUCTURE = new Set([
  "type",
  "id",
  "callId",
  "name",
  "role",
  "status",
  "namespace",
  "encrypted_content",
  "signature",
  "logprobs",
]);

/**
 * Takes the events of a model apart.
 * @param isHidden Some of the answer may have to be replaced: what the provider says of it beside the answer itself, which no
 *   rule could read, is left out.
 */
export async function* piecesOf(
  events: AsyncIterable<StreamEvent>,
  isHidden: boolean,
): AsyncGenerator<Piece> {
  let item: string | undefined;
  for await (const given of events) {
    if (given.type === "model") {
      if (!isHidden) yield { kind: "event", event: given };
      continue;
    }
    const event = isHidden ? withoutCopies(given) : given;
    if (event.type === "output_text_delta") {
      const slot = `${DELTAS}${event.itemId ?? ""}`;
      if (item !== undefined && item !== slot) yield { kind: "end", slot: item };
      item = slot;
      yield { kind: "text", event, slot, path: ["delta"], text: event.delta };
      // Without a piece of its own an event leaves with its text.
      continue;
    }
    if (event.type === "response_done") {
      if (item !== undefined) yield { kind: "end", slot: item };
      item = undefined;
      for (const { path, text } of textsIn(event.response.output, ["response", "output"])) {
        const slot = `said/${path.join("/")}`;
        yield { kind: "text", event, slot, path, text };
        yield { kind: "end", slot };
      }
    }
    yield { kind: "event", event };
  }
}

interface TextIn {
  readonly path: readonly (string | number)[];
  readonly text: string;
}

function textsIn(value: unknown, path: readonly (string | number)[]): readonly TextIn[] {
  if (typeof value === "string") return value === "" ? [] : [{ path, text: value }];
  if (Array.isArray(value)) return value.flatMap((member, at) => textsIn(member, [...path, at]));
  return Object.entries(recordOf(value) ?? {}).flatMap(([member, inner]) =>
    STRUCTURE.has(member) ? [] : textsIn(inner, [...path, member]),
  );
}

/** Puts events together again. */
export async function* eventsOf(pieces: AsyncIterable<Piece>): AsyncGenerator<StreamEvent> {
  let said: { readonly path: Piece & { kind: "text" }; text: string }[] = [];
  for await (const piece of pieces) {
    if (piece.kind === "end") continue;
    if (piece.kind === "event") {
      yield withTexts(piece.event, said);
      said = [];
      continue;
    }
    if (piece.event.type === "output_text_delta") {
      if (piece.text === piece.event.delta) yield piece.event;
      // What is held back leaves with a later piece, or none.
      else if (piece.text !== "")
        yield { type: "output_text_delta", delta: piece.text, ...itemOf(piece.event) };
      continue;
    }
    const begun = said.find(({ path }) => path.slot === piece.slot);
    if (begun === undefined) said.push({ path: piece, text: piece.text });
    else begun.text += piece.text;
  }
}

function itemOf({ itemId }: { readonly itemId?: string | undefined }): { itemId?: string } {
  return itemId === undefined ? {} : { itemId };
}

/** The event with the texts as rules left them; the provider's own copy of a changed answer is left out. */
function withTexts(
  event: StreamEvent,
  said: readonly { readonly path: Extract<Piece, { kind: "text" }>; readonly text: string }[],
): StreamEvent {
  const { originals, changed } = changesOf(said);
  if (changed.length === 0 || originals === 0) return event;
  let next: unknown = event;
  for (const { path, text } of changed) next = replacedAt(next, path.path, text);
  return withoutForms(next as StreamEvent);
}

function changesOf(
  said: readonly { readonly path: Extract<Piece, { kind: "text" }>; readonly text: string }[],
): {
  readonly originals: number;
  readonly changed: readonly { readonly path: Extract<Piece, { kind: "text" }>; readonly text: string }[];
} {
  return { originals: said.length, changed: said.filter(({ path, text }) => text !== originalOf(path)) };
}

/** What the event said at this place before any rule looked at it. */
function originalOf({ event, path }: Extract<Piece, { kind: "text" }>): unknown {
  let value: unknown = event;
  for (const member of path) value = Array.isArray(value) ? value[Number(member)] : recordOf(value)?.[member];
  return value;
}

function withoutCopies<Event extends StreamEvent>(event: Event): Event {
  const bare = withoutRaw(event);
  return bare.type === "response_done" ? { ...bare, response: withoutRaw(bare.response) } : bare;
}

/** Without what says a text in another form it is a list of the same items. */
function withoutForms(event: StreamEvent): StreamEvent {
  if (event.type !== "response_done") return event;
  const output = withoutOtherForms(event.response.output) as typeof event.response.output;
  return { ...event, response: { ...withoutRaw(event.response), output } };
}
