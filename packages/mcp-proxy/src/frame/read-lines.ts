import { MessageScan } from "./message-scan.ts";
import type { Unread } from "./unread.ts";

/** A line, or what can be told of one that was too long to be kept. */
export type Line = { readonly bytes: Uint8Array } | { readonly tooLong: Unread };

const [LF, CR] = [10, 13];

/**
 * Splits bytes into lines at LF, wherever they were cut; a CR before it is no part of the line. A line above the limit is
 * skipped to its end and reported, and the next is read as ever.
 */
export class LineSplitter {
  readonly #maxBytes: number;
  #held: Uint8Array[] = [];
  #length = 0;
  /** There while a line is skipped. */
  #scan: MessageScan | undefined;

  constructor(maxBytes: number) {
    this.#maxBytes = maxBytes;
  }

  /** @param bytes The caller's no more: lines are views of it. */
  push(bytes: Uint8Array): readonly Line[] {
    const lines: Line[] = [];
    let start = 0;
    for (let end = bytes.indexOf(LF); end !== -1; end = bytes.indexOf(LF, start)) {
      this.#keep(bytes.subarray(start, end));
      const line = this.#take();
      if (line !== undefined) lines.push(line);
      start = end + 1;
    }
    if (start < bytes.length) this.#keep(bytes.subarray(start));
    return lines;
  }

  #keep(bytes: Uint8Array): void {
    this.#length += bytes.length;
    if (this.#length <= this.#maxBytes) {
      this.#held.push(bytes);
      return;
    }
    const scan = (this.#scan ??= new MessageScan());
    for (const held of this.#held) scan.push(held);
    this.#held = [];
    scan.push(bytes);
  }

  #take(): Line | undefined {
    const [held, length, scan] = [this.#held, this.#length, this.#scan];
    this.#held = [];
    this.#length = 0;
    this.#scan = undefined;
    if (scan !== undefined) return { tooLong: { problem: "too_long", glimpses: scan.found } };
    const [first = new Uint8Array(0)] = held;
    const whole = held.length <= 1 ? first : Buffer.concat(held, length);
    const bytes = whole[whole.length - 1] === CR ? whole.subarray(0, -1) : whole;
    return bytes.length === 0 ? undefined : { bytes };
  }
}
