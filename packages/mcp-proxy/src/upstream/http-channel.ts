import type { IncomingMessage } from "node:http";

import { isModern, LIST_NAMES } from "../connection/connection.ts";
import type { Frame } from "../frame/frame.ts";
import { recordOf } from "../frame/json.ts";
import { CODES, errorFrame, idOf, keyOf, kindOf, notificationFrame, requestFrame } from "../frame/rpc.ts";
import { cancelledId } from "../frame/cancelled.ts";
import type { ChannelEvents, MessageChannel } from "./message-channel.ts";
import type { Reading } from "./process-channel.ts";
import { answerFrames, NoMessage, type AnswerReading } from "./answer-frames.ts";
import { HEADER_MISMATCH } from "../http/header-agreement.ts";
import { HttpRequests } from "./http-requests.ts";
import { PageCursors } from "./page-cursors.ts";
import { isAnswer, isModernError, mayBeElsewhere, messageOf } from "./server-answer.ts";
import { listenUnasked } from "./unasked-stream.ts";
import type { Upstream } from "../http/upstream.ts";

/** How a server is spoken to that speaks streamable HTTP. */
export interface HttpChannelInit extends Reading, Pick<ChannelEvents, "messages"> {
  readonly upstream: Upstream;
  /** Tries another transport, for a server that refuses to begin on this one. @returns Whether that took the request. */
  readonly otherwise?: (initialize: Frame) => Promise<boolean>;
}

/** How long the server has to hear that the session is over. */
const FAREWELL_MS = 1_000;
/** A request that is not answered yet. */
interface Asked {
  readonly frame: Frame;
  readonly controller: AbortController;
}

/**
 * A client of streamable HTTP on behalf of one that speaks over standard streams: each request is a `POST`, what the server
 * says unasked comes on a `GET` stream, and a session that the server has lost is begun anew.
 */
export class HttpChannel implements MessageChannel {
  readonly #init: HttpChannelInit;
  readonly #requests: HttpRequests;
  readonly #reading: AnswerReading;
  readonly #asked = new Map<string, Asked>();
  readonly #ending = new AbortController();
  /** Ends the stream of what the server says unasked in this session. */
  #unasked = new AbortController();
  /** The client's last `initialize`: with it a lost session is begun anew. */
  #initialize: Frame | undefined;
  #renewing: Promise<boolean> | undefined;
  /** What must have arrived before the next message leaves. */
  #turn: Promise<void> | undefined;

  constructor(init: HttpChannelInit) {
    this.#init = init;
    this.#requests = new HttpRequests(init.upstream);
    const { maxFrameBytes, log } = init;
    this.#reading = { requests: this.#requests, maxFrameBytes, log, tell: (frame) => this.send(frame) };
  }

  send(frame: Frame): void {
    if (kindOf(frame) !== "request") return this.#inTurn(frame);
    void this.#ask(frame, this.#turn);
  }

  async close(): Promise<void> {
    this.#ending.abort();
    this.#unasked.abort();
    for (const { controller } of this.#asked.values()) controller.abort();
    await this.#requests.leave(AbortSignal.timeout(FAREWELL_MS)).catch((error: unknown) => {
      this.#init.log(`the server did not hear that the session is over: ${messageOf(error)}`);
    });
  }

  /** Each arrives before the next message leaves: over several connections they could overtake each other. */
  #inTurn(frame: Frame): void {
    const cancelled = cancelledId(frame);
    const asked = cancelled === undefined ? undefined : this.#asked.get(keyOf(cancelled));
    // Where each request has a stream of its own, closing that is the cancel.
    if (asked !== undefined && isModern(asked.frame)) return asked.controller.abort();
    const turn = this.#after(this.#turn, frame, asked?.controller).finally(() => {
      if (this.#turn === turn) this.#turn = undefined;
    });
    this.#turn = turn;
  }

  async #after(
    before: Promise<void> | undefined,
    frame: Frame,
    cancelled: AbortController | undefined,
  ): Promise<void> {
    await before;
    await this.#tell(frame);
    cancelled?.abort();
  }

  async #tell(frame: Frame): Promise<void> {
    try {
      const answer = await this.#requests.post(frame, this.#ending.signal);
      answer.resume();
      const { statusCode = 0 } = answer;
      if (statusCode >= 300) this.#init.log(`the server refused a message with HTTP ${statusCode}`);
      else if (frame.message["method"] === "notifications/initialized") this.#listen();
    } catch (error) {
      if (!this.#ending.signal.aborted) this.#init.log(`the server was not reached: ${messageOf(error)}`);
    }
  }

  #listen(): void {
    this.#unasked.abort();
    this.#unasked = new AbortController();
    const { messages, log } = this.#init;
    const { signal } = this.#unasked;
    listenUnasked(this.#reading, { signal, hear: (frame) => messages([frame]) }).catch((error: unknown) => {
      if (!signal.aborted) log(`the server's stream ended: ${messageOf(error)}`);
    });
  }

  async #ask(frame: Frame, before: Promise<void> | undefined): Promise<void> {
    if (before !== undefined) await before;
    const id = idOf(frame.message) ?? "";
    const controller = new AbortController();
    if (this.#ending.signal.aborted) return;
    this.#asked.set(keyOf(id), { frame, controller });
    const { signal } = controller;
    try {
      const answer = await this.#answered(frame, signal);
      if (mayBeElsewhere(frame, answer)) await this.#elsewhere(frame, answer, signal);
      else await this.#pass(frame, answer, signal);
    } catch (error) {
      if (signal.aborted) return;
      const problem =
        error instanceof NoMessage ? error.message : `the server was not reached: ${messageOf(error)}`;
      this.#init.messages([errorFrame(id, { code: CODES.unavailable, message: problem })]);
    } finally {
      this.#asked.delete(keyOf(id));
    }
  }

  /** @returns The answer to a request, in a session of which the server knows. */
  async #answered(frame: Frame, signal: AbortSignal): Promise<IncomingMessage> {
    if (frame.message["method"] === "initialize") {
      this.#initialize = frame;
      this.#requests.begin();
    }
    const { sessionId } = this.#requests;
    const answer = await this.#requests.post(frame, signal);
    this.#requests.heard(frame, answer);
    if (answer.statusCode !== 404 || sessionId === undefined || isModern(frame)) return answer;
    answer.resume();
    // Of a session that it does not know the server has done nothing: the same request may go again.
    if (!(await this.#isRenewed(sessionId))) throw new NoMessage("the server has lost the session");
    return this.#requests.post(frame, signal);
  }

  /** Begins the session anew, once for all who find it lost. */
  async #isRenewed(lost: string): Promise<boolean> {
    if (this.#renewing === undefined && this.#requests.sessionId !== lost) return true;
    this.#renewing ??= this.#renew().finally(() => (this.#renewing = undefined));
    return this.#renewing;
  }

  async #renew(): Promise<boolean> {
    if (this.#initialize === undefined) return false;
    this.#requests.begin();
    const answer = await this.#requests.post(this.#initialize, this.#ending.signal);
    this.#requests.heard(this.#initialize, answer);
    const begun = await this.#lastOf(this.#initialize, answer, this.#ending.signal);
    const result = recordOf(begun?.message["result"]);
    if (result === undefined) return false;
    await this.#tell(notificationFrame("notifications/initialized"));
    // It is another session: what the old one listed may not be there.
    const offered = recordOf(result["capabilities"]) ?? {};
    const lists = LIST_NAMES.filter((list) => recordOf(offered[list]) !== undefined);
    this.#init.messages(lists.map((list) => notificationFrame(`notifications/${list}/list_changed`)));
    return true;
  }

  async #pass(request: Frame, answer: IncomingMessage, signal: AbortSignal, isAgain = false): Promise<void> {
    const id = idOf(request.message) ?? "";
    for await (const frame of answerFrames(this.#reading, answer, { request, signal })) {
      if (!isAnswer(frame, id)) {
        this.#init.messages([frame]);
        continue;
      }
      if (!isAgain && isModern(request) && isMismatch(frame)) return this.#withParams(request, signal);
      this.#init.messages([this.#requests.learn(request, frame, this.#init.log)]);
    }
  }

  /** A call may need headers of which only the tool's schema tells, and the client has not asked for that yet. */
  async #withParams(request: Frame, signal: AbortSignal): Promise<void> {
    const { _meta } = recordOf(request.message["params"]) ?? {};
    const cursors = new PageCursors(this.#init.maxFrameBytes);
    let cursor: string | undefined;
    do {
      const list = requestFrame(`agentplane:${crypto.randomUUID()}`, "tools/list", {
        _meta,
        ...(cursor !== undefined && { cursor }),
      });
      // oxlint-disable-next-line no-await-in-loop -- one page names the next
      const page = await this.#lastOf(list, await this.#requests.post(list, signal), signal);
      cursor = cursors.next(page?.raw.length ?? 0, recordOf(page?.message["result"])?.["nextCursor"]);
    } while (cursor !== undefined);
    await this.#pass(request, await this.#requests.post(request, signal), signal, true);
  }

  /** The answer alone, to a request of our own. */
  async #lastOf(request: Frame, answer: IncomingMessage, signal: AbortSignal): Promise<Frame | undefined> {
    const id = idOf(request.message);
    for await (const frame of answerFrames(this.#reading, answer, { request, signal })) {
      if (isAnswer(frame, id)) return this.#requests.learn(request, frame, this.#init.log);
      this.#init.messages([frame]);
    }
    return undefined;
  }

  /** A server that refuses to begin may be one of the old transport: what it said is passed on only if it is not. */
  async #elsewhere(request: Frame, answer: IncomingMessage, signal: AbortSignal): Promise<void> {
    const frames: Frame[] = [];
    let problem: unknown;
    try {
      for await (const frame of answerFrames(this.#reading, answer, { request, signal })) frames.push(frame);
    } catch (error) {
      problem = error;
    }
    if (!frames.some(isModernError) && (await this.#init.otherwise?.(request)) === true) return;
    if (problem !== undefined) throw problem;
    this.#init.messages(frames);
  }
}

function isMismatch({ message }: Frame): boolean {
  return recordOf(message["error"])?.["code"] === HEADER_MISMATCH;
}
