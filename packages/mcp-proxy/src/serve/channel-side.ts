import type { Frame } from "../frame/frame.ts";
import { recordOf, textOf } from "../frame/json.ts";
import { CODES, errorFrame, idOf, keyOf, kindOf, type RpcId } from "../frame/rpc.ts";
import type { MessageChannel, OpenChannel } from "../upstream/message-channel.ts";
import type { Exchange } from "./exchange.ts";
import type { SessionServer, SessionServerInit } from "./session-server.ts";

/** A request that the server has not answered yet. */
interface Asked {
  readonly exchange: Exchange | undefined;
  /** What the client calls its progress. */
  readonly token: unknown;
}

/** There can be no further server now. */
export class NoRoom extends Error {
  override readonly name = "NoRoom";
}

/** Of no single request, whatever runs just then. */
const OF_SESSION = /^notifications\/(?:.*\/list_changed|resources\/updated)$/;

/**
 * One session of an HTTP client at a server that has a channel for each: a process of its own, or a stream of the old
 * transport. The session is the proxy's: it begins with the channel and ends with it.
 */
export class ChannelSide implements SessionServer {
  sessionId: string | undefined;
  readonly #init: SessionServerInit;
  readonly #open: OpenChannel;
  /** In the order in which they were asked. */
  readonly #asked = new Map<string, Asked>();
  #channel: MessageChannel | undefined;
  #beginning: RpcId | undefined;
  /** Why it has ended. */
  #endReason: string | undefined;

  /** @param open May throw `NoRoom`. */
  constructor(init: SessionServerInit, open: OpenChannel) {
    this.#init = init;
    this.#open = open;
  }

  async tell(frame: Frame): Promise<number> {
    if (this.#channel === undefined) return 400;
    this.#channel.send(frame);
    return 202;
  }

  async ask(frame: Frame, exchange: Exchange | undefined): Promise<void> {
    const id = idOf(frame.message) ?? "";
    // Rules or a person took their time: what they have let go on reaches nobody any more.
    if (this.#endReason !== undefined)
      return this.#fail(id, exchange, { status: 502, message: this.#endReason });
    if (this.#channel === undefined && frame.message["method"] !== "initialize")
      return this.#fail(id, exchange, { status: 400, ...notBegun(exchange) });
    try {
      this.#channel ??= this.#begin(id);
    } catch (error) {
      if (!(error instanceof NoRoom)) throw error;
      return this.#fail(id, exchange, { status: 503, message: error.message });
    }
    const token = recordOf(recordOf(frame.message["params"])?.["_meta"])?.["progressToken"];
    this.#asked.set(keyOf(id), { exchange, token });
    this.#channel.send(frame);
  }

  /** What the server says unasked comes over the channel: there is nothing to open. */
  async listen(): Promise<boolean> {
    return false;
  }

  async remove(): Promise<number> {
    return 200;
  }

  /** A client that is cut off has not cancelled (2025-11-25, transports, "Sending Messages"): the server goes on. */
  abort(id: RpcId): void {
    this.#asked.delete(keyOf(id));
  }

  end(): void {
    this.#asked.clear();
    void this.#channel?.close();
  }

  #begin(id: RpcId): MessageChannel {
    this.#beginning = id;
    return this.#open({
      messages: (frames) => {
        for (const frame of frames) this.#take(frame);
      },
      ended: (reason) => this.#ended(reason),
    });
  }

  #take(frame: Frame): void {
    const id = kindOf(frame) === "response" ? idOf(frame.message) : undefined;
    if (id === undefined) return this.#init.deliver(frame, { exchange: this.#exchangeOf(frame) });
    const exchange = this.#asked.get(keyOf(id))?.exchange;
    this.#asked.delete(keyOf(id));
    if (id === this.#beginning && "result" in frame.message && this.#init.named !== undefined) {
      this.#beginning = undefined;
      this.sessionId = crypto.randomUUID();
      if (exchange !== undefined) exchange.headers = { "mcp-session-id": this.sessionId };
      this.#init.named(this.sessionId);
    }
    this.#init.deliver(frame, { exchange });
  }

  /** Over one channel a message does not say to which request it belongs, but progress does. */
  #exchangeOf({ message }: Frame): Exchange | undefined {
    const method = textOf(message["method"]) ?? "";
    if (OF_SESSION.test(method)) return undefined;
    const all = [...this.#asked.values()];
    if (method !== "notifications/progress") return all.at(-1)?.exchange;
    const token = recordOf(message["params"])?.["progressToken"];
    return all.find((asked) => asked.token === token)?.exchange;
  }

  #ended(reason: string): void {
    this.#init.log(reason);
    this.#endReason = reason;
    // What the server knew of the session ended with it: the client begins anew.
    this.#init.gone();
    for (const [key, { exchange }] of this.#asked)
      // Keys are ids as JSON.
      this.#fail(JSON.parse(key) as RpcId, exchange, { status: 502, message: reason });
    this.#asked.clear();
  }

  #fail(
    id: RpcId,
    exchange: Exchange | undefined,
    { status, ...error }: { readonly status: number; readonly message: string; readonly code?: number },
  ): void {
    if (exchange !== undefined && !exchange.init.isBatch) exchange.status = status;
    this.#init.deliver(errorFrame(id, { code: CODES.unavailable, ...error }), { exchange });
  }
}

/** The first revision without sessions; revisions are dates. */
const MODERN = "2026-07-28";

/** What is wrong with a request that neither begins a session, nor is in one, nor says that it needs none. */
function notBegun(exchange: Exchange | undefined): { readonly message: string; readonly code?: number } {
  const version = String(exchange?.init.headers["mcp-protocol-version"] ?? "");
  if (version < MODERN) return { message: "a session begins with initialize" };
  return {
    code: CODES.invalidParams,
    message: "params._meta lacks io.modelcontextprotocol/protocolVersion, which the header names",
  };
}
