import type { StreamCodec, Usage } from "@agentplane/core";

import type { TextPlace } from "../protocol/dialect.ts";
import type { JsonRecord } from "../protocol/json.ts";
import type { SseFrame } from "./sse-frames.ts";

/** One event on its way through: what came, and what is said again in it. */
export interface StreamEvent {
  readonly frame: SseFrame;
  readonly json: JsonRecord | undefined;
  /** Whole texts of ended slots that this event repeats. */
  readonly repeats: readonly TextPlace[];
  /** Came only because the adapter asked for the usage. */
  readonly isHidden: boolean;
  readonly usage: Usage | undefined;
}

/** The parts that an event is taken into, so that each carries at most one text; `whole` comes last. */
export type Atom =
  | { readonly kind: "piece"; readonly event: StreamEvent; readonly place: TextPlace; readonly text: string }
  /** A slot ends before this event: what is held of it must leave. */
  | { readonly kind: "end"; readonly slot: string }
  | { readonly kind: "whole"; readonly event: StreamEvent };

/** How core reads and writes the texts. */
export const ATOM_CODEC: StreamCodec<Atom> = {
  read: (atom) => (atom.kind === "piece" ? { part: atom.place.slot, text: atom.text } : undefined),
  write: (atom, text) => (atom.kind === "piece" ? { ...atom, text } : atom),
  ends: (atom) => (atom.kind === "end" ? atom.slot : undefined),
  usage: (atom) => (atom.kind === "whole" ? atom.event.usage : undefined),
};
