import type { Frame } from "../frame/frame.ts";
import type { MessageChannel } from "../upstream/message-channel.ts";
import type { HttpTransport } from "../upstream/server-address.ts";
import { ChannelSide } from "./channel-side.ts";
import type { Exchange } from "./exchange.ts";
import { messageOf } from "../upstream/server-answer.ts";
import { ServerSide, type ServerSideInit } from "./server-side.ts";
import type { SessionServer } from "./session-server.ts";
import { SseChannel } from "../upstream/sse-channel.ts";

/** What is known of what the server speaks. */
export interface TransportMemory {
  transport: HttpTransport;
}

/** What the sessions of one proxy learn for one another. */
export interface Learning {
  readonly memory: TransportMemory;
  /** Sees to it that a channel ends with the proxy. */
  readonly keep: (channel: MessageChannel) => MessageChannel;
}

/**
 * A session at a server of which it is not known whether it speaks streamable HTTP: one that refuses to begin so, and
 * offers a stream of the old transport, speaks that.
 */
export class AutoSide implements SessionServer {
  readonly #init: ServerSideInit;
  readonly #learning: Learning;
  #side: SessionServer;

  constructor(init: ServerSideInit, learning: Learning) {
    this.#init = init;
    this.#learning = learning;
    this.#side = new ServerSide({
      ...init,
      otherwise: (initialize, exchange) => this.#beginOtherwise(initialize, exchange),
    });
  }

  get sessionId(): string | undefined {
    return this.#side.sessionId;
  }

  tell(frame: Frame, exchange: Exchange | undefined): Promise<number> {
    return this.#side.tell(frame, exchange);
  }

  ask(frame: Frame, exchange: Exchange | undefined): Promise<void> {
    return this.#side.ask(frame, exchange);
  }

  listen(exchange: Exchange): Promise<boolean> {
    return this.#side.listen(exchange);
  }

  remove(exchange: Exchange): Promise<number> {
    return this.#side.remove(exchange);
  }

  abort(id: string | number): void {
    this.#side.abort(id);
  }

  end(): void {
    this.#side.end();
  }

  async #beginOtherwise(initialize: Frame, exchange: Exchange | undefined): Promise<boolean> {
    const { upstream, maxFrameBytes, log } = this.#init;
    const { memory, keep } = this.#learning;
    const heard: { messages: (frames: readonly Frame[]) => void; ended: (reason: string) => void } = {
      messages: () => undefined,
      ended: () => undefined,
    };
    const events = {
      messages: (frames: readonly Frame[]) => heard.messages(frames),
      ended: (reason: string) => heard.ended(reason),
    };
    const tried = new SseChannel({ upstream, maxFrameBytes, log, ...events });
    try {
      await tried.ready;
    } catch (error) {
      log(`the server does not speak HTTP+SSE either: ${messageOf(error)}`);
      return false;
    }
    // Once it is known what the server speaks, it is not asked again.
    memory.transport = "sse";
    this.#side = new ChannelSide(this.#init, (own) => {
      Object.assign(heard, own);
      return keep(tried);
    });
    await this.#side.ask(initialize, exchange);
    return true;
  }
}
