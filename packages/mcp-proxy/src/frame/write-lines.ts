import type { Writable } from "node:stream";

import { bytesInOneLine } from "./one-line.ts";

const LF = 10;

/**
 * Writes messages as lines. What is written because of what was read at once leaves in one piece: each write wakes the other
 * side, which costs more than all else that is done for a message.
 */
export class LineWriter {
  readonly #stream: Writable;
  #waiting: Uint8Array[] = [];
  #length = 0;

  constructor(stream: Writable) {
    this.#stream = stream;
  }

  /** @param bytes A message without its line break; what came over HTTP, or was cut at LF alone, may hold others. */
  write(bytes: Uint8Array): void {
    // After the promises that are settled by now, and before the loop waits or reads again.
    if (this.#waiting.push(bytesInOneLine(bytes)) === 1) process.nextTick(() => this.flush());
    this.#length += bytes.length + 1;
  }

  /** Writes what is waiting at once: before the stream is ended. */
  flush(): void {
    if (this.#waiting.length === 0) return;
    const piece = Buffer.allocUnsafe(this.#length);
    let at = 0;
    for (const bytes of this.#waiting) {
      piece.set(bytes, at);
      at += bytes.length;
      piece[at++] = LF;
    }
    this.#waiting = [];
    this.#length = 0;
    this.#stream.write(piece);
  }
}
