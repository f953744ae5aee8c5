/** One block of an event stream, to its empty line. */
export interface SseEvent {
  /** The bytes as they came, line ends and all. */
  readonly raw: Uint8Array;
  /** What it carries; undefined where there is none, as in a comment or a new `retry`. */
  readonly data?: Uint8Array;
  readonly id?: string;
  /** How long to wait before coming back, in ms. */
  readonly retryMs?: number;
  /** Default `message`. */
  readonly type: string;
  /** Whether it has a field that is none: what stands there nobody has read. */
  readonly isForeign: boolean;
}

/** An event that was longer than may be. */
export interface TooLongEvent {
  readonly isTooLong: true;
}

const [LF, CR] = [10, 13];
const decoder = new TextDecoder();
const encoder = new TextEncoder();

/**
 * Splits a stream of server-sent events wherever its bytes are cut. Lines end with LF, CR or CRLF (WHATWG HTML, section
 * 9.2.5); what is not data stays as it came.
 */
export class SseSplitter {
  readonly #maxBytes: number;
  #held: Uint8Array = new Uint8Array(0);
  /** Where in `#held` the line begins that is being read, and where reading goes on. */
  #lineStart = 0;
  #at = 0;
  /** The last event ended with a CR: an LF that follows is half of its end. */
  #hasHalfEnd = false;

  constructor(maxBytes: number) {
    this.#maxBytes = maxBytes;
  }

  push(bytes: Uint8Array): readonly (SseEvent | TooLongEvent)[] {
    const rest = this.#hasHalfEnd && bytes[0] === LF ? bytes.subarray(1) : bytes;
    if (bytes.length > 0) this.#hasHalfEnd = false;
    this.#held = this.#held.length === 0 ? rest : Buffer.concat([this.#held, rest]);
    const events: (SseEvent | TooLongEvent)[] = [];
    for (let end = this.#nextEnd(); end !== undefined && end <= this.#maxBytes; end = this.#nextEnd()) {
      events.push(eventOf(this.#held.subarray(0, end)));
      this.#held = this.#held.subarray(end);
      this.#lineStart = 0;
      this.#at = 0;
    }
    if (this.#held.length > this.#maxBytes) {
      // Where the next event begins cannot be known without keeping this one: the stream is over.
      this.#held = new Uint8Array(0);
      events.push({ isTooLong: true });
    }
    return events;
  }

  /** @returns The length of the first whole event, once its empty line is there. */
  #nextEnd(): number | undefined {
    const held = this.#held;
    for (; this.#at < held.length; this.#at++) {
      const byte = held[this.#at];
      if (byte !== LF && byte !== CR) continue;
      const isEmpty = this.#at === this.#lineStart;
      // A CR at the end may be half of a CRLF. An event that is whole does not wait to know.
      if (byte === CR && this.#at + 1 === held.length) {
        this.#hasHalfEnd = isEmpty;
        return isEmpty ? held.length : undefined;
      }
      const next = this.#at + (byte === CR && held[this.#at + 1] === LF ? 2 : 1);
      this.#lineStart = next;
      this.#at = next - 1;
      if (isEmpty) return next;
    }
    return undefined;
  }
}

function eventOf(raw: Uint8Array): SseEvent {
  const data: Uint8Array[] = [];
  let id: string | undefined;
  let retryMs: number | undefined;
  let type = "message";
  let isForeign = false;
  for (const line of linesOf(raw)) {
    const colon = line.indexOf(58);
    if (colon === 0) continue;
    const name = decoder.decode(colon === -1 ? line : line.subarray(0, colon));
    const value = colon === -1 ? line.subarray(line.length) : valueOf(line, colon);
    if (name === "data") data.push(value);
    else if (name === "id") id = decoder.decode(value);
    else if (name === "retry" && /^\d{1,9}$/.test(decoder.decode(value)))
      retryMs = Number(decoder.decode(value));
    else if (name === "event") type = decoder.decode(value) || "message";
    else if (name !== "retry" && name !== "") isForeign = true;
  }
  const joined =
    data.length <= 1 ? data[0] : Buffer.concat(data.flatMap((part) => [part, LINE_END])).subarray(0, -1);
  return {
    raw,
    type,
    isForeign,
    ...(id !== undefined && { id }),
    ...(retryMs !== undefined && { retryMs }),
    ...(joined !== undefined && { data: joined }),
  };
}

const LINE_END = new Uint8Array([LF]);

function valueOf(line: Uint8Array, colon: number): Uint8Array {
  return line.subarray(line[colon + 1] === 32 ? colon + 2 : colon + 1);
}

function linesOf(raw: Uint8Array): readonly Uint8Array[] {
  const lines: Uint8Array[] = [];
  // A byte order mark at the beginning of the stream is no part of it.
  let start = raw[0] === 0xef && raw[1] === 0xbb && raw[2] === 0xbf ? 3 : 0;
  for (let at = start; at < raw.length; at++) {
    if (raw[at] !== LF && raw[at] !== CR) continue;
    lines.push(raw.subarray(start, at));
    if (raw[at] === CR && raw[at + 1] === LF) at++;
    start = at + 1;
  }
  return lines;
}

/** An event with other data than it came with, or a new one; its id stays, for a client that resumes there. */
export function eventBytes(text: string, id?: string): Uint8Array {
  const data = text
    .split(/\r\n|\r|\n/)
    .map((line) => `data: ${line}\n`)
    .join("");
  return encoder.encode(`event: message\n${id === undefined ? "" : `id: ${id}\n`}${data}\n`);
}
