import { AgentplaneError } from "@agentplane/core";

/** One event of a stream as it came, up to and with its blank line. */
export interface SseFrame {
  readonly raw: Uint8Array;
  /** The data lines, joined; undefined for a comment. */
  readonly data: string | undefined;
  /** The other lines, as they came. */
  readonly fields: readonly string[];
}

/** A longer event is no event of a model API; it would be kept in memory whole. */
const MAX_FRAME_BYTES = 32 * 1024 * 1024;
const [LF, CR] = [10, 13];

/**
 * Splits a stream into its events at their blank lines, wherever the network cut it: LF, CR or both end a line.
 * @see WHATWG HTML, section 9.2.6 "Interpreting an event stream"
 * @throws AgentplaneError `content_refused` for an event above 32 MiB
 */
export async function* readFrames(
  body: AsyncIterable<Uint8Array>,
): AsyncGenerator<SseFrame, void, undefined> {
  const held = new Held();
  let searched = 0;
  for await (const bytes of body) {
    held.add(bytes);
    for (;;) {
      const end = frameEnd(held.bytes, searched);
      if (end === undefined) break;
      yield frameOf(held.take(end));
      searched = 0;
    }
    if (held.bytes.length > MAX_FRAME_BYTES) {
      throw new AgentplaneError("content_refused", "an event of the stream is longer than 32 MiB");
    }
    // A blank line may be cut in its middle: the last bytes are looked at again.
    searched = Math.max(0, held.bytes.length - 3);
  }
  if (held.bytes.length > 0) yield frameOf(held.bytes);
}

/** Bytes that no event has been made of yet. A long event comes in many pieces: room is made twice as large as is needed. */
class Held {
  /** A view of the buffer; bytes that were taken stand before it and are never written again. */
  bytes: Uint8Array = new Uint8Array(0);

  add(more: Uint8Array): void {
    const { buffer, byteOffset, length } = this.bytes;
    const needed = length + more.length;
    if (byteOffset + needed <= buffer.byteLength) {
      this.bytes = new Uint8Array(buffer, byteOffset, needed);
    } else {
      const wider = new Uint8Array(length === 0 ? needed : needed * 2);
      wider.set(this.bytes);
      this.bytes = wider.subarray(0, needed);
    }
    this.bytes.set(more, length);
  }

  take(end: number): Uint8Array {
    const taken = this.bytes.subarray(0, end);
    this.bytes = this.bytes.subarray(end);
    return taken;
  }
}

/** The place after the first blank line; undefined while a CR at the end may still belong to a CRLF. */
function frameEnd(bytes: Uint8Array, from: number): number | undefined {
  for (let at = from; at < bytes.length; at++) {
    const lineEnd = endOfBreak(bytes, at);
    if (lineEnd === undefined) continue;
    const blankEnd = endOfBreak(bytes, lineEnd);
    if (blankEnd === undefined) continue;
    const isOpen = bytes[blankEnd - 1] === CR && blankEnd === bytes.length;
    return isOpen ? undefined : blankEnd;
  }
  return undefined;
}

function endOfBreak(bytes: Uint8Array, at: number): number | undefined {
  if (bytes[at] === LF) return at + 1;
  if (bytes[at] !== CR) return undefined;
  return bytes[at + 1] === LF ? at + 2 : at + 1;
}

const decoder = new TextDecoder();
const encoder = new TextEncoder();

function frameOf(raw: Uint8Array): SseFrame {
  const data: string[] = [];
  const fields: string[] = [];
  for (const line of decoder.decode(raw).split(/\r\n|\n|\r/)) {
    if (line.startsWith("data:")) data.push(line.slice(line.startsWith("data: ") ? 6 : 5));
    else if (line === "data") data.push("");
    else if (line !== "") fields.push(line);
  }
  return { raw, data: data.length === 0 ? undefined : data.join("\n"), fields };
}

/** The frame with other data. */
export function encodeFrame(fields: readonly string[], data: string): Uint8Array {
  const lines = [...fields, ...data.split("\n").map((line) => `data: ${line}`)];
  return encoder.encode(`${lines.join("\n")}\n\n`);
}
