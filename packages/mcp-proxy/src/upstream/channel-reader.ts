import { readFrames, type Frame } from "../frame/frame.ts";
import { cancelledId } from "../frame/cancelled.ts";
import { idOf, kindOf, type RpcId } from "../frame/rpc.ts";
import { inPlaceOf, problemText, refusalsOf, unread, type Unread } from "../frame/unread.ts";
import type { ChannelEvents } from "./message-channel.ts";
import type { Reading } from "./process-channel.ts";

/** Where what is read goes, and what a server is told of what is not. */
export interface ChannelReaderInit extends Pick<ChannelEvents, "messages">, Pick<Reading, "log"> {
  readonly send: (frame: Frame) => void;
}

/**
 * Reads what a server says over one channel. It knows what the server was asked: an answer that is refused leaves an error in
 * its place, and nobody waiting.
 */
export class ChannelReader {
  readonly #init: ChannelReaderInit;
  readonly #open = new Set<RpcId>();

  constructor(init: ChannelReaderInit) {
    this.#init = init;
  }

  /** Hears what the server is sent. */
  sent(frame: Frame): void {
    const cancelled = cancelledId(frame);
    if (cancelled !== undefined) this.#open.delete(cancelled);
    const id = kindOf(frame) === "request" ? idOf(frame.message) : undefined;
    if (id !== undefined) this.#open.add(id);
  }

  take(bytes: Uint8Array): void {
    const frames = readFrames(bytes);
    if ("problem" in frames) return this.refuse(unread(frames.problem, bytes));
    for (const frame of frames) {
      if (kindOf(frame) === "unknown") this.refuse(unread("not_a_message", frame.raw));
      else this.hear(frame);
    }
  }

  refuse(refused: Unread): void {
    const { send, log } = this.#init;
    log(`the server sent a message that is refused: ${problemText(refused)}`);
    for (const refusal of refusalsOf(refused)) send(refusal);
    for (const frame of inPlaceOf(refused, this.#open)) this.hear(frame);
  }

  /** Passes a message on: one that was read, or one in its place. */
  hear(frame: Frame): void {
    const id = kindOf(frame) === "response" ? idOf(frame.message) : undefined;
    if (id !== undefined) this.#open.delete(id);
    this.#init.messages([frame]);
  }
}
