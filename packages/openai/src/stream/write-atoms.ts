import type { ProposedCall, StreamDialect, TextPlace } from "../protocol/dialect.ts";
import { recordOf, replacedAt, type JsonRecord } from "../protocol/json.ts";
import type { Atom, StreamEvent } from "./atom.ts";
import { encodeFrame } from "./sse-frames.ts";
import { withoutOtherForms } from "../protocol/other-forms.ts";

/** Puts events together again: one in which nothing changed leaves byte for byte as it came. */
export class AtomWriter {
  readonly #dialect: StreamDialect;
  readonly #isUsageAdded: boolean;
  /** What was shown of each slot. */
  readonly #shown = new Map<string, string>();
  readonly #written = new WeakSet<StreamEvent>();
  #pieces: { readonly place: TextPlace; text: string }[] = [];
  #hasChanged = false;
  readonly #calls: ProposedCall[] = [];

  /**
   * @param isUsageAdded The usage was asked for by the adapter alone: what that adds to events is taken out.
   */
  constructor(dialect: StreamDialect, isUsageAdded: boolean) {
    this.#dialect = dialect;
    this.#isUsageAdded = isUsageAdded;
  }

  /** The proposed calls that are shown otherwise than they came. */
  get calls(): readonly ProposedCall[] {
    return this.#calls;
  }

  /** @returns The bytes that leave now. */
  take(atom: Atom): readonly Uint8Array[] {
    if (atom.kind === "end") return [];
    if (atom.kind === "whole") return this.#whole(atom.event);
    const { event, place, text } = atom;
    this.#shown.set(place.slot, (this.#shown.get(place.slot) ?? "") + text);
    if (this.#written.has(event)) return this.#rest(event, place, text);
    const begun = this.#pieces.find((piece) => piece.place === place);
    if (begun === undefined) this.#pieces.push({ place, text });
    else begun.text += text;
    return [];
  }

  /** What was held of an earlier event leaves as one of its own. */
  #rest({ frame, json }: StreamEvent, place: TextPlace, text: string): readonly Uint8Array[] {
    if (json === undefined || text === "") return [];
    this.#hasChanged = true;
    const event = this.#dialect.rest(json, place, text);
    return [encodeFrame(frame.fields, JSON.stringify(withoutOtherForms(event)))];
  }

  #whole(event: StreamEvent): readonly Uint8Array[] {
    this.#written.add(event);
    const pieces = this.#pieces;
    this.#pieces = [];
    const { frame, json, repeats, isHidden } = event;
    if (isHidden) return [];
    if (json === undefined) {
      const [said] = pieces;
      return [
        said === undefined || said.text === said.place.text
          ? frame.raw
          : encodeFrame(frame.fields, said.text),
      ];
    }
    const repeated = repeats.map((place) => ({ place, text: this.#shown.get(place.slot) ?? "" }));
    const changed = [...pieces, ...repeated].filter(({ place, text }) => text !== place.text);
    if (changed.length > 0) this.#hasChanged = true;
    if (!this.#hasChanged) return [this.#isUsageAdded ? withoutEmptyUsage(event) : frame.raw];
    let next: unknown = json;
    for (const { place, text } of changed) next = replacedAt(next, place.path, text);
    if (changed.length > 0) this.#noteCalls(recordOf(next) ?? {});
    // What was replaced must not be spelled out beside it, token by token.
    return [encodeFrame(frame.fields, JSON.stringify(withoutOtherForms(next)))];
  }

  #noteCalls(event: JsonRecord): void {
    for (const { name, input, isWhole, slot: _slot, ...rest } of this.#dialect.read(event).calls ?? []) {
      if (isWhole === true && name !== undefined && input !== undefined)
        this.#calls.push({ id: undefined, ...rest, name, input });
    }
  }
}

const EMPTY_USAGE = ',"usage":null';

/** Where the usage was asked for, every other chunk says that it has none. Inside a text the quotes would be escaped. */
function withoutEmptyUsage({ frame, json }: StreamEvent): Uint8Array {
  const { data = "" } = frame;
  const at = json?.["usage"] === null ? data.lastIndexOf(EMPTY_USAGE) : -1;
  if (at === -1) return frame.raw;
  return encodeFrame(frame.fields, data.slice(0, at) + data.slice(at + EMPTY_USAGE.length));
}
