import type { IncomingMessage, ServerResponse } from "node:http";

import { isModern } from "../connection/connection.ts";
import { endSession } from "../call/agent-session.ts";
import { Lasting } from "../connection/lasting.ts";
import { readFrames, withoutMark, type Frame } from "../frame/frame.ts";
import { MessageScan } from "../frame/message-scan.ts";
import { idOf, kindOf } from "../frame/rpc.ts";
import { unread } from "../frame/unread.ts";
import { Exchange } from "./exchange.ts";
import { HEADER_MISMATCH, headerMismatch } from "../http/header-agreement.ts";
import type { ResolvedHttpOptions } from "./http-options.ts";
import { HttpSession, type SessionInit, type SessionKind } from "./http-session.ts";
import { ParamHeaders } from "../http/param-headers.ts";
import { ProtectedResource } from "./protected-resource.ts";
import { readBody } from "../http/read-body.ts";
import { refusalFor, refuse, type Refused } from "./refuse.ts";
import { ServerSides } from "./server-sides.ts";
import { SessionTable } from "./session-table.ts";
import { Upstream } from "../http/upstream.ts";

/** What SDKs answer for a session that is over; the status is what clients act on. */
const SESSION_NOT_FOUND = -32001;

/** Answers the requests that were let in. */
export class HttpHandler {
  readonly #options: ResolvedHttpOptions;
  readonly #upstream: Upstream | undefined;
  readonly #sides: ServerSides;
  readonly #reaper: ReturnType<typeof setInterval> | undefined;
  /** There where the server's challenges pass. */
  readonly #resource: ProtectedResource | undefined;
  readonly #table: SessionTable;
  readonly #lasting = new Lasting();
  readonly #params = new ParamHeaders();
  /** Where the protocol knows no sessions, whoever speaks to this proxy is in one. */
  readonly #sharedSession = `mcp-${crypto.randomUUID()}`;
  readonly #passing = new Set<HttpSession>();
  /** Exchanges that end only when somebody leaves. */
  readonly #endless = new Set<Exchange>();

  constructor(options: ResolvedHttpOptions) {
    this.#options = options;
    const { url, publicOrigin, maxFrameBytes: maxBytes, relay, idleMs } = options;
    this.#upstream = url && new Upstream(url, options.upstreamToken);
    if (options.forwardAuthorization && url !== undefined && this.#upstream !== undefined)
      this.#resource = new ProtectedResource({
        url,
        upstream: this.#upstream,
        maxBytes,
        log: (line) => relay.log?.(line),
        ...(publicOrigin !== undefined && { publicOrigin }),
      });
    this.#sides = new ServerSides({
      options,
      upstream: this.#upstream,
      rules: {
        isAuthorizationForwarded: options.forwardAuthorization,
        challenge: (value, host) => this.#resource?.challenge(value, host) ?? value,
        repeating: (frame) => this.#params.of(frame),
      },
    });
    this.#table = new SessionTable(options.maxSessions);
    this.#reaper =
      idleMs === undefined ? undefined : setInterval(() => this.#endIdle(idleMs), idleMs / 4).unref();
  }

  /** What is served at a path; undefined: nothing is. */
  at(path: string): ((request: IncomingMessage, response: ServerResponse) => Promise<void>) | undefined {
    if (path === this.#options.path) return (...both) => this.handle(...both);
    const resource = this.#resource;
    return resource?.isAt(path) === true ? (...both) => resource.describe(...both) : undefined;
  }

  async handle(request: IncomingMessage, response: ServerResponse): Promise<void> {
    if (request.method === "POST") return this.#post(request, response);
    if (request.method !== "GET" && request.method !== "DELETE") {
      const headers = { allow: "GET, POST, DELETE" };
      return refuse(response, { status: 405, message: "this method is not served", headers });
    }
    const id = request.headers["mcp-session-id"];
    const session = this.#sessionOf(id, []);
    if (!(session instanceof HttpSession)) return refuse(response, session);
    const init = { headers: request.headers, frames: [], ids: [], isBatch: false };
    const exchange = this.#exchange(session, response, init);
    try {
      if (request.method === "DELETE") return await this.#remove(session, exchange);
      this.#endless.add(exchange);
      await session.listen(exchange);
    } catch (error) {
      if (!exchange.isOpen) return;
      this.#options.relay.log?.(`the server was not reached: ${String(error)}`);
      exchange.end(502);
    }
  }

  /** Ends what would never end by itself. */
  endStreams(): void {
    for (const exchange of this.#endless) exchange.end(503);
  }

  /** Ends everything. Settles when nothing is left of the servers that were started. */
  async end(): Promise<void> {
    clearInterval(this.#reaper);
    const ended = [this.#table.removeAll(), ...[...this.#passing].map((session) => session.end())];
    await this.#sides.close();
    this.#upstream?.close();
    const { relay: options } = this.#options;
    await Promise.all([
      ...ended,
      endSession({ lasting: this.#lasting, options, log: (line) => options.log?.(line) }),
    ]);
  }

  #endIdle(idleMs: number): void {
    this.#table.endIdle(idleMs);
    this.#sides.endIdle(idleMs);
  }

  async #post(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const { headers } = request;
    if (!/^application\/json\s*(?:;|$)/i.test(headers["content-type"] ?? ""))
      return refuse(response, { status: 415, message: "the body is not application/json" });
    const begun = this.#table.get(String(headers["mcp-session-id"]));
    // A server in whose session it is may wait for just this message: which one it answers, its end may tell.
    const scan = begun && new MessageScan();
    const given = await readBody(request, this.#options.maxFrameBytes, scan);
    if (given === undefined) {
      begun?.refused({ problem: "too_long", glimpses: scan?.found ?? [] });
      return refuse(response, { status: 413, message: "the body is too long" });
    }
    const body = withoutMark(given);
    const frames = readFrames(body);
    if ("problem" in frames) {
      const refused = unread(frames.problem, body);
      begun?.refused(refused);
      return refuse(response, refusalFor(refused));
    }
    const mismatch = mismatchOf(request, { frames, params: this.#params });
    if (mismatch !== undefined) return refuse(response, mismatch);
    const session = this.#sessionOf(headers["mcp-session-id"], frames);
    if (!(session instanceof HttpSession)) return refuse(response, session);
    const ids = frames
      .filter((frame) => kindOf(frame) === "request")
      .map(({ message }) => idOf(message))
      .filter((id) => id !== undefined);
    if (session.isAnswering(ids) || new Set(ids.map((id) => JSON.stringify(id))).size < ids.length)
      return refuse(response, { status: 400, message: "an id is in use" });
    const exchange = this.#exchange(session, response, {
      headers,
      frames,
      ids,
      isBatch: frames[0]?.raw !== body,
    });
    if (frames.some(({ message }) => message["method"] === "subscriptions/listen"))
      this.#endless.add(exchange);
    await session.post(exchange);
  }

  #exchange(session: HttpSession, response: ServerResponse, init: Exchange["init"]): Exchange {
    const exchange = new Exchange(response, init);
    exchange.onLeft(() => {
      this.#endless.delete(exchange);
      session.left(exchange);
      if (session.isGone && session.id !== undefined) this.#table.remove(session.id);
      if (session.id !== undefined) return;
      const end = (): void => {
        this.#passing.delete(session);
        void session.end();
      };
      // What rules think about is still to reach the server.
      if (session.telling === undefined) end();
      else void session.telling.then(end);
    });
    return exchange;
  }

  async #remove(session: HttpSession, exchange: Exchange): Promise<void> {
    const status = await session.remove(exchange);
    exchange.end(status);
    if (session.id !== undefined && (status < 300 || status === 404)) this.#table.remove(session.id);
  }

  #sessionOf(id: string | string[] | undefined, frames: readonly Frame[]): HttpSession | Refused {
    if (typeof id === "string" && !frames.some(isModern)) {
      const known = this.#table.get(id);
      if (known?.isGone === true) this.#table.remove(id);
      else if (known !== undefined) return known;
      return { status: 404, message: "the session is not known", code: SESSION_NOT_FOUND };
    }
    const isInitialize = frames.some(({ message }) => message["method"] === "initialize");
    if (isInitialize && !this.#table.makeRoom())
      return { status: 503, message: "too many sessions", headers: { "retry-after": "1" } };
    // Clients that share a session, by the protocol or by the options, all count their requests from 1.
    const isShared = !isInitialize || this.#options.relay.identity.session !== undefined;
    const kind = { isModern: frames.some(isModern), ...(isShared && { lasting: this.#lasting }) };
    const session: HttpSession = this.#create({
      ...kind,
      ...(isInitialize && { named: (name) => this.#named(name, session) }),
    });
    this.#passing.add(session);
    return session;
  }

  #create(kind: SessionKind): HttpSession {
    const { relay, resumeMs } = this.#options;
    const { session = this.#sharedSession } = relay.identity;
    const init: SessionInit = {
      options: kind.lasting === undefined ? relay : { ...relay, identity: { ...relay.identity, session } },
      connect: (server, isOfModern) => this.#sides.connect(server, isOfModern),
      resumeMs,
      listed: (answer) => void this.#params.learn(answer),
    };
    return new HttpSession(init, kind);
  }

  #named(name: string, session: HttpSession): void {
    this.#passing.delete(session);
    this.#table.add(name, session);
  }
}

function mismatchOf(
  { headers }: IncomingMessage,
  { frames, params }: { readonly frames: readonly Frame[]; readonly params: ParamHeaders },
): Refused | undefined {
  for (const frame of frames) {
    if (kindOf(frame) === "response") continue;
    const name = headerMismatch(headers, frame) ?? params.mismatch(headers, frame);
    if (name === undefined) continue;
    const id = idOf(frame.message);
    const message = `the header ${name} is missing or differs from the body`;
    return { status: 400, message, code: HEADER_MISMATCH, ...(id !== undefined && { id }) };
  }
  return undefined;
}
