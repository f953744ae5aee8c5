import type { IncomingMessage } from "node:http";

import type { Frame } from "../frame/frame.ts";
import { CODES, errorFrame, idOf, kindOf } from "../frame/rpc.ts";
import { ChannelReader } from "./channel-reader.ts";
import type { ChannelEvents, MessageChannel } from "./message-channel.ts";
import type { Reading } from "./process-channel.ts";
import { eventsOf, isStream, messageOf, problemOf } from "./server-answer.ts";
import type { SseEvent } from "../http/sse-splitter.ts";
import type { Upstream } from "../http/upstream.ts";

/** How a server is spoken to that speaks the old HTTP+SSE transport. */
export interface SseChannelInit extends Reading, ChannelEvents {
  /** Its URL is that of the stream. */
  readonly upstream: Upstream;
}

/** How long a server has to say where messages go. */
const ENDPOINT_MS = 10_000;

/**
 * A channel to a server of 2024-11-05 over HTTP: everything it says comes on one stream, whose first event tells where
 * messages are posted.
 */
export class SseChannel implements MessageChannel {
  /** Settles when the server has said where messages go; rejects when it does not. */
  readonly ready: Promise<void>;
  readonly #init: SseChannelInit;
  readonly #reader: ChannelReader;
  readonly #ending = new AbortController();
  #endpoint: URL | undefined;
  /** What must have arrived before the next message leaves. */
  #turn: Promise<void>;
  #isOver = false;

  constructor(init: SseChannelInit) {
    this.#init = init;
    const { messages, log } = init;
    this.#reader = new ChannelReader({ messages, log, send: (frame) => this.send(frame) });
    this.ready = this.#open();
    this.#turn = this.ready.catch((error: unknown) => this.#end(messageOf(error)));
  }

  send(frame: Frame): void {
    this.#reader.sent(frame);
    const sent = this.#turn.then(() => this.#post(frame));
    // Requests need not wait for one another; whatever else was said has arrived before them.
    if (kindOf(frame) !== "request") this.#turn = sent;
  }

  async close(): Promise<void> {
    this.#isOver = true;
    this.#ending.abort();
    await this.#turn;
  }

  async #open(): Promise<void> {
    const late = new AbortController();
    const timer = setTimeout(() => late.abort(), ENDPOINT_MS);
    const signal = AbortSignal.any([this.#ending.signal, late.signal]);
    try {
      const headers = { accept: "text/event-stream" };
      const answer = await this.#init.upstream.send({ method: "GET", headers, signal });
      if (answer.statusCode !== 200 || !isStream(answer)) {
        answer.resume();
        throw new Error(problemOf(answer));
      }
      await new Promise<void>((resolve, reject) => {
        this.#read(answer, resolve).then(() => reject(new Error("the server's stream ended")), reject);
      });
    } catch (error) {
      if (late.signal.aborted) throw new Error("the server does not say where messages go", { cause: error });
      throw error;
    } finally {
      clearTimeout(timer);
    }
  }

  async #read(answer: IncomingMessage, isReady: () => void): Promise<void> {
    const { maxFrameBytes, upstream } = this.#init;
    let reason = "the server's stream ended";
    try {
      for await (const event of eventsOf(answer, maxFrameBytes)) {
        if (this.#endpoint !== undefined) this.#take(event);
        else if (event.type === "endpoint") {
          this.#endpoint = endpointOf(event, upstream.url);
          isReady();
        }
      }
    } catch (error) {
      // Without an endpoint it never was a channel: who opened it is told.
      if (this.#endpoint === undefined) throw error;
      reason = `the server's stream was cut: ${messageOf(error)}`;
    }
    if (this.#endpoint !== undefined) this.#end(reason);
  }

  #take({ data, type }: SseEvent): void {
    if (data === undefined || data.length === 0) return;
    if (type !== "message") return this.#init.log("an event that is no message was dropped");
    this.#reader.take(data);
  }

  async #post(frame: Frame): Promise<void> {
    if (this.#isOver || this.#endpoint === undefined) return;
    const { upstream, log } = this.#init;
    let problem: string;
    try {
      const answer = await upstream.send({
        method: "POST",
        url: this.#endpoint,
        headers: { accept: "application/json" },
        body: frame.raw,
        signal: this.#ending.signal,
      });
      answer.resume();
      if ((answer.statusCode ?? 0) < 300) return;
      problem = problemOf(answer);
    } catch (error) {
      problem = `the server was not reached: ${messageOf(error)}`;
    }
    if (this.#isOver) return;
    log(problem);
    const id = kindOf(frame) === "request" ? idOf(frame.message) : undefined;
    if (id !== undefined) this.#reader.hear(errorFrame(id, { code: CODES.unavailable, message: problem }));
  }

  #end(reason: string): void {
    if (this.#isOver) return;
    this.#isOver = true;
    this.#ending.abort();
    this.#init.ended(reason);
  }
}

/** @throws Error for a place of another server: what is posted there would leave the one that was named */
function endpointOf({ data }: SseEvent, stream: URL): URL {
  const text = new TextDecoder().decode(data);
  const url = URL.canParse(text, stream.href) ? new URL(text, stream) : undefined;
  if (url === undefined || url.origin !== stream.origin || url.username !== "" || url.password !== "")
    throw new Error("the server wants messages posted elsewhere than to itself");
  return url;
}
