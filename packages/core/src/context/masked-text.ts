import { typeName, type Range } from "./redact-marker.ts";
import type { Treatment } from "./redact-plan.ts";

interface Piece {
  /** Where it stands in the masked text, and where in the original. */
  readonly at: Range;
  readonly of: Range;
  readonly isMarker: boolean;
}

/** A text as it looks with its findings masked or dropped, which still knows where everything stood. */
export class MaskedText {
  readonly text: string;
  readonly #pieces: readonly Piece[];

  /** @param spans In order, and apart. */
  constructor(
    original: string,
    spans: readonly (Range & { readonly type: string; readonly treatment: Treatment })[],
  ) {
    const pieces: Piece[] = [];
    let text = "";
    const add = (shown: string, of: Range, isMarker: boolean): void => {
      if (shown !== "")
        pieces.push({ at: { start: text.length, end: text.length + shown.length }, of, isMarker });
      text += shown;
    };
    let position = 0;
    for (const { type, start, end, treatment } of spans) {
      add(original.slice(position, start), { start: position, end: start }, false);
      add(treatment === "drop" ? "" : `[${typeName(type)}]`, { start, end }, true);
      position = end;
    }
    add(original.slice(position), { start: position, end: original.length }, false);
    this.text = text;
    this.#pieces = pieces;
  }

  /** A range of the masked text as one of the original; what touches a marker takes all that it stands for. */
  original<R extends Range>(range: R): R {
    const first = this.#pieces.find(({ at }) => at.end > range.start);
    const last = this.#pieces.findLast(({ at }) => at.start < range.end);
    if (first === undefined || last === undefined) return range;
    const start = first.isMarker ? first.of.start : first.of.start + (range.start - first.at.start);
    const end = last.isMarker ? last.of.end : last.of.start + (range.end - last.at.start);
    return { ...range, start, end };
  }
}
