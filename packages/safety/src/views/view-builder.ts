import type { View } from "./view.ts";

/**
 * Collects the text of a new view together with its way back to the original, piece by piece.
 * It is written against a source view, so that views made from views still map to the original.
 */
export class ViewBuilder {
  readonly #source: View;
  readonly #pieces: string[] = [];
  readonly #starts: number[] = [];
  readonly #ends: number[] = [];

  /** @param source The view that is being rewritten. */
  constructor(source: View) {
    this.#source = source;
  }

  /**
   * Appends text that stands for the source's units `from` to `to`; every appended unit maps to all of them.
   * @param text What the view says there; empty text removes the part.
   * @param from First unit in the source.
   * @param to One past the last unit in the source.
   */
  append(text: string, from: number, to: number): void {
    if (text === "") return;
    this.#pieces.push(text);
    const start = this.#source.starts?.[from] ?? from;
    const end = this.#source.ends?.[to - 1] ?? to;
    for (let count = 0; count < text.length; count += 1) {
      this.#starts.push(start);
      this.#ends.push(end);
    }
  }

  /**
   * Appends text of which every unit stands for one unit of the source.
   * @param text What the view says there.
   * @param from First unit in the source.
   */
  appendUnits(text: string, from: number): void {
    this.#pieces.push(text);
    for (let index = from; index < from + text.length; index += 1) {
      this.#starts.push(this.#source.starts?.[index] ?? index);
      this.#ends.push(this.#source.ends?.[index] ?? index + 1);
    }
  }

  /** @param name The name of the finished view. */
  build(name: string): View {
    return {
      name,
      text: this.#pieces.join(""),
      starts: Int32Array.from(this.#starts),
      ends: Int32Array.from(this.#ends),
    };
  }
}
