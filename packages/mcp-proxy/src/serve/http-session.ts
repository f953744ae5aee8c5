import { AsyncLocalStorage } from "node:async_hooks";

import type { Decision } from "@agentplane/core";

import { Connection } from "../connection/connection.ts";
import type { Lasting } from "../connection/lasting.ts";
import { failAnsweredBy } from "../call/refused-message.ts";
import { agentState, isStopped } from "../call/stopped.ts";
import type { Frame } from "../frame/frame.ts";
import { recordOf } from "../frame/json.ts";
import { idOf, keyOf, kindOf, type RpcId } from "../frame/rpc.ts";
import type { Unread } from "../frame/unread.ts";
import type { ProxyOptions } from "../connection/proxy-options.ts";
import { relayOf, type Relay } from "../relay.ts";
import type { Exchange } from "./exchange.ts";
import type { Arrival, SessionServer, SessionServerInit } from "./session-server.ts";

/** What the sessions of one proxy have in common. */
export interface SessionInit {
  readonly options: ProxyOptions;
  readonly connect: (init: SessionServerInit, isModern: boolean) => SessionServer;
  /** How long answers whose stream was cut wait for the client to come back, in ms. */
  readonly resumeMs: number;
  /** Hears what tools a client was shown. */
  readonly listed: (answer: Frame) => void;
}

/** What kind of session it is. */
export interface SessionKind {
  /** Whether its requests are of the protocol of 2026-07-28. */
  readonly isModern: boolean;
  /** Of the proxy, where each request has a session of its own. */
  readonly lasting?: Lasting;
  /** Hears what the server calls it, before the client does. */
  readonly named?: (sessionId: string) => void;
}

/** Whatever is done because of a message leaves where that message came from. */
const arrivals = new AsyncLocalStorage<Arrival>();
const MAX_KEPT = 20;

/** One relay over HTTP: of a session, or of a single request where the protocol knows no sessions. */
export class HttpSession {
  lastUsedMs = performance.now();
  isGone = false;
  /** Settles when the server knows what the client has posted last and waits for no answer to; undefined: it does. */
  telling: Promise<readonly number[]> | undefined;
  readonly #init: SessionInit;
  readonly #isModern: boolean;
  readonly #relay: Relay;
  readonly #connection: Connection;
  readonly #server: SessionServer;
  /** By the id of a request that is being answered. */
  readonly #exchanges = new Map<string, Exchange>();
  readonly #arrived = new Map<string, Arrival>();
  readonly #streams = new Set<Exchange>();
  /** Answers that the server may repeat, to a client that goes on with a stream that was cut. */
  readonly #kept = new Map<string, Frame>();

  constructor(init: SessionInit, { isModern, lasting, named }: SessionKind) {
    this.#init = init;
    this.#isModern = isModern;
    const toClient = (frame: Frame): void => this.#toClient(frame);
    const toServer = (frame: Frame): void => this.#toServer(frame);
    this.#connection = new Connection(init.options, { toClient, toServer }, lasting);
    this.#connection.carriedBy = () => arrivals.getStore()?.exchange?.init.headers ?? {};
    this.#relay = relayOf(this.#connection);
    const server: SessionServerInit = {
      ...(named !== undefined && { named }),
      deliver: (frame, arrival) => this.#deliver(frame, arrival),
      gone: () => (this.isGone = true),
      log: (line) => this.#connection.log(line),
    };
    this.#server = init.connect(server, isModern);
  }

  /** What the server calls it. Undefined: it ends with its request. */
  get id(): string | undefined {
    return this.#server.sessionId;
  }

  get isBusy(): boolean {
    return this.#exchanges.size > 0 || this.#streams.size > 0;
  }

  /** Whether a request with one of these ids is being answered. */
  isAnswering(ids: readonly RpcId[]): boolean {
    return ids.some((id) => this.#exchanges.has(keyOf(id)));
  }

  /** Takes what the client posted. Its requests are answered when there are answers. */
  async post(exchange: Exchange): Promise<void> {
    const { ids, frames } = exchange.init;
    for (const id of ids) this.#exchanges.set(keyOf(id), exchange);
    const leaving = arrivals.run({ exchange }, () => this.#relay.takeClient(frames));
    const telling = exchange.told(leaving);
    if (telling !== undefined) this.telling = telling;
    for (const { message } of frames) {
      if (message["method"] === "notifications/cancelled")
        this.#endCancelled(recordOf(message["params"])?.["requestId"]);
    }
    if (ids.length > 0 || !exchange.isOpen) return;
    const statuses = await telling;
    exchange.end(statuses?.find((status) => status >= 300) ?? 202);
  }

  /** The client posted what is refused: a question of the server's that it may have answered is over. */
  refused(message: Unread): void {
    failAnsweredBy(this.#connection, message);
  }

  /** Opens the stream of what the server says unasked, or goes on with one that was cut. */
  async listen(exchange: Exchange): Promise<void> {
    this.#streams.add(exchange);
    const { place } = exchange;
    const cut = [...this.#exchanges.values()].find(({ places }) => place !== undefined && places.has(place));
    if (cut !== undefined) exchange.goOnWith(cut);
    // Where the server has nothing to say unasked, we have: policies change what may be seen.
    if (await this.#server.listen(exchange)) return;
    if (this.id === undefined) exchange.end(405);
    else exchange.openStream();
  }

  /** Ends the session at the server. @returns The status that the client gets. */
  remove(exchange: Exchange): Promise<number> {
    return this.#server.remove(exchange);
  }

  /** The client has left an exchange, or has all of it. */
  left(exchange: Exchange): void {
    this.#streams.delete(exchange);
    for (const id of exchange.waiting.values()) this.#server.abort(id);
    if (exchange.isResumable && this.id !== undefined && exchange.waiting.size > 0)
      setTimeout(() => this.#forget(exchange), this.#init.resumeMs).unref();
    else this.#forget(exchange);
  }

  /** Settles when its end is recorded. */
  end(): Promise<void> {
    const closed = this.#relay.close();
    this.#server.end();
    for (const exchange of new Set([...this.#exchanges.values(), ...this.#streams])) exchange.end(503);
    this.#exchanges.clear();
    this.#streams.clear();
    return closed;
  }

  #forget(exchange: Exchange): void {
    for (const id of exchange.waiting.values()) {
      this.#relay.forget(id);
      this.#exchanges.delete(keyOf(id));
    }
  }

  #deliver(frame: Frame, arrival: Arrival): void {
    const id = kindOf(frame) === "response" ? idOf(frame.message) : undefined;
    if (id !== undefined) {
      const isAwaited = this.#connection.ofServer.has(id) && this.#isOfItsStream(keyOf(id), arrival);
      const kept = isAwaited ? undefined : this.#kept.get(keyOf(id));
      // The server repeats what it had sent: the client gets what rules had made of it.
      if (kept !== undefined) return this.#sayAgain(kept, arrival);
      if (!isAwaited) return this.#connection.log("the server answered what nobody waits for");
      if (this.#exchanges.has(keyOf(id))) this.#arrived.set(keyOf(id), arrival);
    }
    arrivals.run(arrival, () => this.#relay.takeServer([frame]));
  }

  /** A stopped agent gets no answer of any kind, this one neither. */
  #sayAgain(kept: Frame, { exchange, event }: Arrival): void {
    const state = agentState(this.#connection);
    const say = (one: Decision): void => (isStopped(one) ? undefined : void exchange?.say(kept, event));
    if (state instanceof Promise) this.#connection.inTurn(async () => say(await state));
    else this.#connection.inTurn(() => say(state));
  }

  /**
   * Whether an answer is to the request that waits under its id. What a server repeats, to a client that goes on with a
   * stream, may be the answer to an earlier one: the rules of that would not be asked.
   */
  #isOfItsStream(key: string, { exchange }: Arrival): boolean {
    const place = exchange === undefined || !this.#streams.has(exchange) ? undefined : exchange.place;
    const asked = this.#exchanges.get(key);
    return place === undefined || asked === undefined || asked.places.has(place);
  }

  #toClient(frame: Frame): void {
    const { exchange, event } = arrivals.getStore() ?? {};
    const id = kindOf(frame) === "response" ? idOf(frame.message) : undefined;
    if (id !== undefined) return this.#answer(frame, id);
    if (kindOf(frame) === "unknown") return exchange?.refuse(frame);
    if (exchange?.say(frame, event) === true) return;
    if (this.#unaskedStream()?.say(frame, event) !== true)
      this.#connection.log("a message to the client was dropped: no stream is open");
  }

  /** Where the client hears what it did not ask for: its `GET`, or its `subscriptions/listen`. */
  #unaskedStream(): Exchange | undefined {
    const [listening] = this.#connection.listening.keys();
    if (listening !== undefined) return this.#exchanges.get(keyOf(listening));
    return [...this.#streams].find((one) => one.isOpen && one.isStreaming);
  }

  #answer(frame: Frame, id: RpcId): void {
    const key = keyOf(id);
    const exchange = this.#exchanges.get(key);
    const arrived = this.#arrived.get(key);
    this.#exchanges.delete(key);
    this.#arrived.delete(key);
    if (exchange?.init.frames.some(isToolList) === true) this.#init.listed(frame);
    if (arrived?.event?.id !== undefined) this.#keep(key, frame);
    if (exchange?.isOpen === true) return exchange.answer(frame, arrived?.event);
    exchange?.waiting.delete(key);
    // Its stream was cut, and the client has come back on another one.
    if (arrived?.exchange !== undefined && this.#streams.has(arrived.exchange))
      arrived.exchange.say(frame, arrived.event);
  }

  #keep(key: string, frame: Frame): void {
    const [oldest] = this.#kept.keys();
    if (this.#kept.size >= MAX_KEPT && oldest !== undefined) this.#kept.delete(oldest);
    this.#kept.set(key, frame);
  }

  #toServer(frame: Frame): void {
    const exchange = arrivals.getStore()?.exchange;
    if (kindOf(frame) === "request") return void this.#server.ask(frame, exchange);
    const isCancel = frame.message["method"] === "notifications/cancelled";
    // Where each request has a stream of its own, closing that is the cancel.
    if (!isCancel || !this.#isModern) {
      const told = this.#server.tell(frame, exchange);
      exchange?.sent.push(told);
    }
    const id = isCancel ? recordOf(frame.message["params"])?.["requestId"] : undefined;
    if (typeof id === "string" || typeof id === "number") this.#server.abort(id);
  }

  /** There is no answer to what the client has cancelled. */
  #endCancelled(id: unknown): void {
    if (typeof id !== "string" && typeof id !== "number") return;
    const exchange = this.#exchanges.get(keyOf(id));
    this.#exchanges.delete(keyOf(id));
    exchange?.waiting.delete(keyOf(id));
    if (exchange?.waiting.size === 0) exchange.end();
  }
}

function isToolList({ message }: Frame): boolean {
  return message["method"] === "tools/list";
}
