import type { IncomingMessage } from "node:http";

import { readFrames, type Frame } from "../frame/frame.ts";
import { CODES, errorFrame, idOf, keyOf, type RpcId } from "../frame/rpc.ts";
import { inPlaceOf, problemText, refusalsOf, unread, type Unread } from "../frame/unread.ts";
import type { Exchange } from "./exchange.ts";
import { responseHeaders, type HeaderRules } from "./forwarded-headers.ts";
import { mayRepeat } from "../http/may-repeat.ts";
import { readBody } from "../http/read-body.ts";
import {
  eventsOf,
  framesOf,
  isAnswer,
  isModernError,
  isStream,
  isTooLong,
  mayBeElsewhere,
  messageOf,
  problemOf,
} from "../upstream/server-answer.ts";
import type { SessionServer, SessionServerInit, Arrival } from "./session-server.ts";
import { tracedHeaders } from "../trace/traced-request.ts";
import { upstreamHeaders } from "./upstream-headers.ts";
import type { Upstream, UpstreamRequest } from "../http/upstream.ts";

/** How messages travel between one session and a server over HTTP. */
export interface ServerSideInit extends SessionServerInit {
  readonly upstream: Upstream;
  readonly rules: HeaderRules;
  readonly maxFrameBytes: number;
  /** Tries another transport, where the server refuses to begin on this one. @returns Whether that took the request. */
  readonly otherwise?: (initialize: Frame, exchange: Exchange | undefined) => Promise<boolean>;
}

/** The requests that one session has at the server. */
export class ServerSide implements SessionServer {
  readonly #init: ServerSideInit;
  readonly #posts = new Map<string, AbortController>();
  readonly #ending = new AbortController();
  /** What the server calls the session. */
  sessionId: string | undefined;

  constructor(init: ServerSideInit) {
    this.#init = init;
  }

  /** Sends what asks for no answer. @returns The status that the client gets. */
  async tell(frame: Frame, exchange: Exchange | undefined): Promise<number> {
    try {
      const answer = await this.#post(frame, exchange, this.#ending.signal);
      answer.resume();
      return this.#passable(answer);
    } catch (error) {
      this.#init.log(`the server was not reached: ${messageOf(error)}`);
      return 502;
    }
  }

  /** Sends a request; whatever comes of it is delivered, and in the end an answer. */
  async ask(frame: Frame, exchange: Exchange | undefined): Promise<void> {
    const id = idOf(frame.message) ?? "";
    const controller = new AbortController();
    this.#posts.set(keyOf(id), controller);
    try {
      await this.#receive(await this.#post(frame, exchange, controller.signal), frame, exchange);
    } catch (error) {
      if (controller.signal.aborted) return;
      // The client can get the rest where it left off, if the server keeps it.
      if (exchange?.isResumable === true && !isTooLong(error)) return exchange.end();
      this.#fail(id, exchange, { status: 502, message: `the server was not reached: ${messageOf(error)}` });
    } finally {
      this.#posts.delete(keyOf(id));
    }
  }

  /** Opens a stream of what the server says unasked. @returns False when it does not offer one. */
  async listen(exchange: Exchange): Promise<boolean> {
    const { upstream, rules } = this.#init;
    const headers = upstreamHeaders(NO_FRAME, exchange, rules);
    const resumed = exchange.init.headers["last-event-id"];
    const resume = resumed === undefined ? {} : { "last-event-id": String(resumed) };
    const stream = { ...headers, ...this.#session, accept: "text/event-stream", ...resume };
    const controller = new AbortController();
    exchange.onLeft(() => controller.abort());
    const signal = AbortSignal.any([controller.signal, this.#ending.signal]);
    const answer = await upstream.send({ method: "GET", headers: stream, signal, mayRepeat: true });
    if (answer.statusCode === 405) {
      answer.resume();
      return false;
    }
    exchange.headers = responseHeaders(answer.headers, rules, exchange.init.headers.host);
    if (!isStream(answer)) {
      answer.resume();
      // Also a 404 is only of the stream: many servers have no such method. That a session is lost the next request hears.
      exchange.end(this.#statusOf(answer));
      return true;
    }
    exchange.openStream();
    try {
      await this.#readEvents(answer, exchange);
    } catch (error) {
      if (!signal.aborted) this.#init.log(`the server's stream ended: ${messageOf(error)}`);
      if (isTooLong(error)) return this.#failAwaited(exchange, messageOf(error));
    }
    exchange.end();
    return true;
  }

  /** Ends the session at the server. @returns The status that the client gets. */
  async remove(exchange: Exchange): Promise<number> {
    const { upstream, rules } = this.#init;
    const headers = upstreamHeaders(NO_FRAME, exchange, rules);
    const own = { ...headers, ...this.#session };
    const { signal } = this.#ending;
    const answer = await upstream.send({ method: "DELETE", headers: own, signal, mayRepeat: true });
    answer.resume();
    return this.#passable(answer);
  }

  /** Ends the waiting for an answer. */
  abort(id: RpcId): void {
    this.#posts.get(keyOf(id))?.abort();
  }

  end(): void {
    this.#ending.abort();
    for (const controller of this.#posts.values()) controller.abort();
  }

  get #session(): Record<string, string> {
    return this.sessionId === undefined ? {} : { "mcp-session-id": this.sessionId };
  }

  #post(frame: Frame, exchange: Exchange | undefined, signal: AbortSignal): Promise<IncomingMessage> {
    const headers = tracedHeaders(upstreamHeaders(frame, exchange, this.#init.rules));
    const request: UpstreamRequest = {
      method: "POST",
      headers: { ...headers, ...this.#session },
      body: frame.raw,
      signal,
      mayRepeat: mayRepeat(frame),
    };
    return this.#init.upstream.send(request);
  }

  async #receive(answer: IncomingMessage, frame: Frame, exchange: Exchange | undefined): Promise<void> {
    const id = idOf(frame.message) ?? "";
    const isAsked = exchange?.waiting.has(keyOf(id)) === true;
    if (exchange !== undefined && isAsked)
      exchange.headers = responseHeaders(answer.headers, this.#init.rules, exchange.init.headers.host);
    const given = answer.headers["mcp-session-id"];
    if (typeof given === "string" && this.#init.named !== undefined && this.sessionId === undefined) {
      this.sessionId = given;
      this.#init.named(given);
    }
    if (answer.statusCode === 200 && isStream(answer)) {
      if (isAsked) exchange?.openStream();
      if (await this.#readEvents(answer, exchange, id)) return;
      if (exchange?.isResumable === true) return exchange.end();
      return this.#fail(id, exchange, {
        status: 502,
        message: "the server's stream ended without an answer",
      });
    }
    await this.#receiveJson(answer, frame, exchange);
  }

  async #receiveJson(answer: IncomingMessage, asked: Frame, exchange: Exchange | undefined): Promise<void> {
    const id = idOf(asked.message) ?? "";
    const body = await readBody(answer, this.#init.maxFrameBytes);
    if (body === undefined) {
      answer.destroy();
      return this.#fail(id, exchange, { status: 502, message: "the server's answer is too long" });
    }
    const isFailed = answer.statusCode !== 200;
    const frames = framesOf(body, id, isFailed);
    const { otherwise } = this.#init;
    if (otherwise !== undefined && mayBeElsewhere(asked, answer) && !frames.some(isModernError))
      if (await otherwise(asked, exchange)) return;
    const status = this.#passable(answer);
    // To a client a request that was merely accepted has no answer: what there is comes with 200.
    const isError = status >= 300;
    if (exchange !== undefined && isError && !exchange.init.isBatch) exchange.status = status;
    for (const frame of frames) this.#init.deliver(frame, { exchange });
    if (frames.some((frame) => isAnswer(frame, id))) return;
    // What is no message is not passed on: rules have not read it.
    this.#fail(id, exchange, { status: isError ? status : 502, message: problemOf(answer) });
  }

  /** @returns Whether an answer to `id` was among what came. */
  async #readEvents(answer: IncomingMessage, exchange: Exchange | undefined, id?: RpcId): Promise<boolean> {
    const { maxFrameBytes, log } = this.#init;
    let isAnswered = false;
    for await (const event of eventsOf(answer, maxFrameBytes)) {
      if (event.data === undefined || event.data.length === 0) exchange?.pass(event);
      else if (event.type !== "message") log("an event that is no message was dropped");
      else if (this.#deliverAll(event.data, { exchange, event }, id).some((frame) => isAnswer(frame, id)))
        isAnswered = true;
      await exchange?.taken();
    }
    return isAnswered;
  }

  #deliverAll(data: Uint8Array, arrival: Arrival, id?: RpcId): readonly Frame[] {
    const read = readFrames(data);
    const frames = "problem" in read ? this.#refuse(unread(read.problem, data), arrival, id) : read;
    for (const frame of frames) this.#init.deliver(frame, arrival);
    return frames;
  }

  /** @returns What is told in its place to who waits for it. */
  #refuse(refused: Unread, { exchange }: Arrival, id?: RpcId): readonly Frame[] {
    this.#init.log(`the server sent a message that is refused: ${problemText(refused)}`);
    for (const refusal of refusalsOf(refused)) void this.tell(refusal, exchange);
    return inPlaceOf(refused, [...(id === undefined ? [] : [id]), ...(exchange?.awaited ?? [])]);
  }

  #fail(
    id: RpcId,
    exchange: Exchange | undefined,
    { status, message }: { readonly status: number; readonly message: string },
  ): void {
    if (exchange !== undefined && !exchange.init.isBatch) exchange.status = status;
    this.#init.deliver(errorFrame(id, { code: CODES.unavailable, message }), { exchange });
  }

  /** What the client goes on for is not there, however often it comes back. */
  #failAwaited(exchange: Exchange, message: string): true {
    for (const id of exchange.awaited) this.#fail(id, exchange, { status: 502, message });
    exchange.endAnswered();
    return true;
  }

  /** The status of an answer that comes from within the session, as the client may have it. */
  #passable(answer: IncomingMessage): number {
    if (answer.statusCode === 404) this.#init.gone();
    return this.#statusOf(answer);
  }

  /** A redirect would lead around the proxy, a challenge is not for the client. */
  #statusOf({ statusCode = 502 }: IncomingMessage): number {
    if (statusCode === 401 && !this.#init.rules.isAuthorizationForwarded) return 502;
    return (statusCode >= 300 && statusCode < 400) || statusCode === 407 ? 502 : statusCode;
  }
}

const NO_FRAME: Frame = { raw: new Uint8Array(0), text: "", message: {} };
