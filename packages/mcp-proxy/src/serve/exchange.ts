import type { IncomingHttpHeaders, OutgoingHttpHeaders, ServerResponse } from "node:http";

import type { Frame } from "../frame/frame.ts";
import { idOf, keyOf, type RpcId } from "../frame/rpc.ts";
import { endInOne } from "../http/end-in-one.ts";
import { eventBytes, type SseEvent } from "../http/sse-splitter.ts";

/** What of a request its answer depends on. */
export interface ExchangeInit {
  readonly headers: IncomingHttpHeaders;
  /** What the client asked; each request waits for its answer. */
  readonly frames: readonly Frame[];
  /** The ids of those that are requests. */
  readonly ids: readonly RpcId[];
  readonly isBatch: boolean;
}

/**
 * One request of the client's over HTTP, and its answer: a JSON body once everything is answered, or an event stream as soon
 * as there is something else to say.
 */
export class Exchange {
  readonly init: ExchangeInit;
  readonly waiting: Map<string, RpcId>;
  /** Of the server's answer: they are the client's as well. */
  status = 200;
  headers: OutgoingHttpHeaders = {};
  /** Whether a client that lost this stream can go on where it was. */
  isResumable = false;
  /** Where a client can go on: the ids of the last events of the stream, and of those that went on with it. */
  places = new Set<string>();
  /** Messages that ask for no answer, on their way to the server. */
  readonly sent: Promise<number>[] = [];
  readonly #response: ServerResponse;
  /** The one that was cut, whose answers this one gives. */
  #cut: Exchange | undefined;
  #isEnding = false;
  #left: () => void = () => undefined;
  readonly #answers: Frame[] = [];

  constructor(response: ServerResponse, init: ExchangeInit) {
    this.#response = response;
    this.init = init;
    response.on("close", () => this.#left());
    this.waiting = new Map(init.ids.map((id) => [keyOf(id), id]));
  }

  get isOpen(): boolean {
    return !this.#response.writableEnded && !this.#response.destroyed;
  }

  get isStreaming(): boolean {
    return this.#response.headersSent;
  }

  /** Where the client goes on with a stream that was cut; undefined: it begins one. */
  get place(): string | undefined {
    const place = this.init.headers["last-event-id"];
    return place === undefined ? undefined : String(place);
  }

  /** This stream goes on where another one was cut. */
  goOnWith(cut: Exchange): void {
    this.#cut = cut;
    this.places = cut.places;
  }

  /** The ids of the requests whose answers come here. */
  get awaited(): readonly RpcId[] {
    return [...this.waiting.values(), ...(this.#cut?.waiting.values() ?? [])];
  }

  /**
   * @param leaving Settles when rules are done with the messages that ask for no answer.
   * @returns The server's word on each of them; undefined where there are none.
   */
  told(leaving: Promise<unknown> | undefined): Promise<readonly number[]> | undefined {
    if (leaving !== undefined) return leaving.then(() => Promise.all(this.sent));
    return this.sent.length === 0 ? undefined : Promise.all(this.sent);
  }

  openStream(): void {
    if (this.isStreaming || !this.isOpen) return;
    this.#response.writeHead(200, {
      ...this.headers,
      "content-type": "text/event-stream",
      "cache-control": "no-cache, no-transform",
      "x-accel-buffering": "no",
    });
    this.#response.flushHeaders();
  }

  /** Passes what is no message: a comment, an id, a time to wait. */
  pass(event: SseEvent): void {
    if (event.isForeign) return;
    this.#passed(event);
    if (this.isStreaming && this.isOpen) this.#response.write(event.raw);
  }

  /** Says something that is no answer. @returns False when the client cannot hear it. */
  say(frame: Frame, event?: SseEvent): boolean {
    if (!this.isOpen) return false;
    if (!this.isStreaming && !String(this.init.headers.accept).includes("text/event-stream")) return false;
    this.openStream();
    this.#write(frame, event);
    if (this.#isEnding) this.endAnswered();
    return true;
  }

  /** Ends once the answers that come here are given. */
  endAnswered(): void {
    this.#isEnding = true;
    if (this.awaited.length === 0) this.end();
  }

  /** Gives an answer; the last one ends the exchange. */
  answer(frame: Frame, event?: SseEvent): void {
    const id = idOf(frame.message);
    if (id !== undefined) this.waiting.delete(keyOf(id));
    this.#answers.push(frame);
    if (!this.isOpen) return;
    if (this.isStreaming) this.#write(frame, event);
    if (this.waiting.size > 0) return;
    if (this.isStreaming) this.#response.end();
    else this.#sendJson();
  }

  /** Says of a message that has no id that it is none. */
  refuse(frame: Frame): void {
    if (this.waiting.size === 0) this.status = 400;
    this.answer(frame);
  }

  /** Ends without the answers that are missing. */
  end(status = 202): void {
    if (!this.isOpen) return;
    if (!this.isStreaming) this.#response.writeHead(status, { ...this.headers, "content-length": 0 });
    this.#response.end();
  }

  /** @param act Called when the client is gone, or has everything. */
  onLeft(act: () => void): void {
    const before = this.#left;
    this.#left = () => {
      before();
      act();
    };
    if (this.#response.destroyed) act();
  }

  /** Settles once the client has taken what it was given, so that a slow one is not written to without end. */
  taken(): Promise<void> | undefined {
    const response = this.#response;
    if (!this.isOpen || !response.writableNeedDrain) return undefined;
    return new Promise((resolve) => {
      const done = (): void => {
        response.off("drain", done);
        response.off("close", done);
        resolve();
      };
      response.on("drain", done);
      response.on("close", done);
    });
  }

  #passed({ id }: SseEvent): void {
    if (id === undefined || id === "") return;
    this.isResumable = true;
    const [oldest] = this.places;
    if (this.places.size >= MAX_PLACES && oldest !== undefined) this.places.delete(oldest);
    this.places.add(id);
  }

  #write(frame: Frame, event: SseEvent | undefined): void {
    if (event !== undefined) this.#passed(event);
    // A message that nothing has changed leaves as the very bytes that came.
    this.#response.write(
      frame.raw === event?.data && !event.isForeign ? event.raw : eventBytes(frame.text, event?.id),
    );
  }

  #sendJson(): void {
    const texts = this.#answers.map(({ raw }) => raw);
    const body =
      this.init.isBatch && this.#answers.every(({ message }) => idOf(message) !== undefined)
        ? Buffer.concat([OPEN, ...texts.flatMap((raw, at) => (at === 0 ? [raw] : [COMMA, raw])), CLOSE])
        : (texts[0] ?? new Uint8Array(0));
    this.#response.writeHead(this.status, {
      ...this.headers,
      "content-type": "application/json",
      "content-length": body.length,
    });
    endInOne(this.#response, body);
  }
}

const MAX_PLACES = 1_000;
const OPEN = Buffer.from("[");
const CLOSE = Buffer.from("]");
const COMMA = Buffer.from(",");
