import type { JsonTarget, SharedJson } from "../base/json-target.ts";
import { isPlain, mayHoldLoneSurrogate } from "../base/json-text.ts";
import { createTextBytes, type TextBytes } from "../base/runtime.ts";
import { textOfUtf8, utf8Of } from "../base/utf8.ts";

/** Some sixty lines lie in one block: memory of its own for each costs more than writing it. */
const BLOCK_BYTES = 65_536;
/** Many logs hold a few lines. */
const FIRST_BLOCK_BYTES = 4_096;

const SPACE = 0x20;
const QUOTATION_MARK = 0x22;
const BACKSLASH = 0x5c;
const ASCII_END = 0x80;
/** UTF-8 takes at most three bytes for one UTF-16 unit. */
const MAX_BYTES_PER_UNIT = 3;
/** Fewer are written faster one by one than by a call of the platform. */
const FEW_UNITS = 28;
/** More are written faster by a call of the platform than copied, where the copy is rarely at hand. */
const MANY_UNITS = 48;

interface Block {
  readonly bytes: TextBytes;
  /** Where each of its lines ends. */
  readonly ends: number[];
}

/**
 * The newest lines, as bytes one behind the other: no line is a text of its own, which the collector would have to carry
 * about, and what the oldest lines took is written anew. A line is written piece by piece where every character is a
 * byte, as a whole otherwise.
 */
export class LineLog implements JsonTarget {
  readonly #maxLines: number;
  /** Oldest first; in the first there may be lines that were given up before those that are kept. */
  readonly #blocks: Block[] = [];
  /** In all blocks. */
  #lines = 0;
  #latest: Block = { bytes: createTextBytes(0), ends: [] };
  /** Where the latest line ends. */
  #start = 0;
  #latestLength = 0;
  /** Where the line ends that is being written; undefined: it cannot be written piece by piece. */
  #end: number | undefined = 0;
  #spare: Block | undefined;

  /** @param maxLines Whole number ≥ 1; of more the oldest are given up. */
  constructor(maxLines: number) {
    this.#maxLines = maxLines;
  }

  /** How many lines are kept. */
  get size(): number {
    return Math.min(this.#lines, this.#maxLines);
  }

  /** Begins a line anew: where one like the latest has room, or it would soon be written twice. */
  begin(): void {
    const size = this.#latestLength + (this.#latestLength >> 2);
    if (this.#start + size > this.#latest.bytes.length) this.#nextBlock(size);
    this.#end = this.#start;
  }

  add(json: string): void {
    this.#put(json, false);
  }

  addRaw(text: string): void {
    this.#put(text, true);
  }

  addShared(json: SharedJson): void {
    const end = this.#end;
    if (end === undefined) return;
    const { text, isAscii } = json;
    const { bytes } = this.#latest;
    const { length } = text;
    if (!isAscii || end + length > bytes.length) {
      this.#end = undefined;
      return;
    }
    // Of thousands of long ones few are in the processor's cache, and bytes of their own would be more to wait for.
    if (length > MANY_UNITS && bytes.latin1Write !== undefined) bytes.latin1Write(text, end);
    else bytes.set(json.bytes, end);
    this.#end = end + length;
  }

  /**
   * Ends the line that was begun.
   * @returns Its UTF-8, good until the next line; undefined where it must be written as a whole: it does not fit, holds a
   *   character that takes more than a byte, or half of one.
   */
  end(): Uint8Array | undefined {
    return this.#end === undefined ? undefined : this.#keep(this.#end);
  }

  /**
   * Writes a whole line.
   * @returns Its UTF-8, good until the next line.
   */
  write(text: string): Uint8Array {
    const bytes = utf8Of(text);
    if (this.#start + bytes.length > this.#latest.bytes.length) this.#nextBlock(bytes.length);
    this.#latest.bytes.set(bytes, this.#start);
    return this.#keep(this.#start + bytes.length);
  }

  /** The kept lines, oldest first. */
  texts(): readonly string[] {
    const texts: string[] = [];
    for (const { bytes, ends } of this.#blocks) {
      for (let at = 0; at < ends.length; at++)
        texts.push(textOfUtf8(bytes.subarray(at === 0 ? 0 : ends[at - 1], ends[at])));
    }
    return texts.slice(-this.size);
  }

  #put(text: string, isRaw: boolean): void {
    const end = this.#end;
    if (end === undefined) return;
    const { bytes } = this.#latest;
    const { length } = text;
    // Nothing has been kept of what is written so far.
    this.#end = undefined;
    if (end + MAX_BYTES_PER_UNIT * length > bytes.length) return;
    if (length > FEW_UNITS && bytes.utf8Write !== undefined && bytes.latin1Write !== undefined) {
      // What is plain has a byte for each character.
      if (isRaw) {
        if (isPlain(text)) this.#end = end + bytes.latin1Write(text, end);
      } else if (!mayHoldLoneSurrogate(text)) this.#end = end + bytes.utf8Write(text, end);
      return;
    }
    for (let at = 0; at < length; at++) {
      const unit = text.charCodeAt(at);
      if (unit >= ASCII_END || unit === BACKSLASH) return;
      if (isRaw && (unit < SPACE || unit === QUOTATION_MARK)) return;
      bytes[end + at] = unit;
    }
    this.#end = end + length;
  }

  #keep(end: number): Uint8Array {
    const { bytes, ends } = this.#latest;
    const line = bytes.subarray(this.#start, end);
    ends.push(end);
    this.#latestLength = end - this.#start;
    this.#start = end;
    this.#lines++;
    this.#giveUp();
    return line;
  }

  #nextBlock(size: number): void {
    const usual = this.#blocks.length === 0 ? FIRST_BLOCK_BYTES : BLOCK_BYTES;
    const isSpareEnough = this.#spare !== undefined && size <= BLOCK_BYTES;
    this.#latest =
      isSpareEnough && this.#spare !== undefined
        ? this.#spare
        : { bytes: createTextBytes(Math.max(usual, size)), ends: [] };
    if (isSpareEnough) this.#spare = undefined;
    this.#blocks.push(this.#latest);
    this.#start = 0;
  }

  /** A block is written anew when none of its lines is kept. */
  #giveUp(): void {
    const oldest = this.#blocks[0];
    if (oldest === undefined || this.#lines - oldest.ends.length < this.#maxLines) return;
    this.#blocks.shift();
    this.#lines -= oldest.ends.length;
    oldest.ends.length = 0;
    // One of unusual size would stay for good.
    if (oldest.bytes.length === BLOCK_BYTES) this.#spare = oldest;
  }
}
