import type { MessageChannel, OpenChannel } from "../upstream/message-channel.ts";
import { processChannels } from "../upstream/process-channel.ts";
import { AutoSide, type TransportMemory } from "./auto-side.ts";
import { ChannelSide, NoRoom } from "./channel-side.ts";
import type { HeaderRules } from "./forwarded-headers.ts";
import type { ResolvedHttpOptions } from "./http-options.ts";
import { ServerSide } from "./server-side.ts";
import type { SessionServer, SessionServerInit } from "./session-server.ts";
import { SharedServer } from "./shared-server.ts";
import { SseChannel } from "../upstream/sse-channel.ts";
import type { Upstream } from "../http/upstream.ts";

/** How a session finds its server. */
export interface SidesInit {
  readonly options: ResolvedHttpOptions;
  readonly upstream: Upstream | undefined;
  readonly rules: HeaderRules;
}

/** What one proxy's sessions have of the server: a part of its HTTP, or channels of their own. */
export class ServerSides {
  readonly #init: SidesInit;
  readonly #memory: TransportMemory;
  readonly #started: OpenChannel | undefined;
  readonly #shared: SharedServer | undefined;
  readonly #log: (line: string) => void;
  readonly #channels = new Set<MessageChannel>();
  /** What is being ended. */
  readonly #ending = new Set<Promise<void>>();

  constructor(init: SidesInit) {
    this.#init = init;
    this.#log = (line) => init.options.relay.log?.(line);
    this.#memory = { transport: init.options.upstreamTransport };
    const { command, maxFrameBytes } = init.options;
    const open = command && processChannels(command, { maxFrameBytes, log: this.#log });
    this.#started = open;
    this.#shared = open && new SharedServer((events) => this.#kept(open, events), this.#log);
  }

  /** The server of one session, or of one request where there are none. */
  connect(init: SessionServerInit, isModern: boolean): SessionServer {
    const started = this.#started;
    if (started !== undefined && isModern && this.#shared !== undefined) return this.#shared.side(init);
    if (started !== undefined) return new ChannelSide(init, (events) => this.#limited(started, events));
    const { upstream, rules, options } = this.#init;
    if (upstream === undefined) throw new TypeError("a proxy has a server");
    const { maxFrameBytes } = options;
    const sse: OpenChannel = (events) =>
      new SseChannel({ upstream, maxFrameBytes, log: this.#log, ...events });
    if (this.#memory.transport === "sse") return new ChannelSide(init, (events) => this.#kept(sse, events));
    const side = { ...init, upstream, rules, maxFrameBytes };
    if (this.#memory.transport === "http" || isModern) return new ServerSide(side);
    return new AutoSide(side, { memory: this.#memory, keep: (channel) => this.#keep(channel) });
  }

  /** Ends the server that requests without a session share, when nobody has needed it for a while. */
  endIdle(idleMs: number): void {
    const shared = this.#shared;
    if (shared === undefined || !shared.isIdle || performance.now() - shared.lastUsedMs < idleMs) return;
    void shared.stop();
  }

  /** Ends every channel. Settles when nothing of them is left. */
  async close(): Promise<void> {
    await Promise.all([this.#shared?.stop(), ...[...this.#channels].map((channel) => channel.close())]);
    await Promise.all(this.#ending);
  }

  #limited(open: OpenChannel, events: Parameters<OpenChannel>[0]): MessageChannel {
    // The one that requests without a session share is beside them.
    if (this.#channels.size > this.#init.options.maxSessions) throw new NoRoom("too many servers run");
    return this.#kept(open, events);
  }

  #kept(open: OpenChannel, { messages, ended }: Parameters<OpenChannel>[0]): MessageChannel {
    const channel: MessageChannel = this.#keep(
      open({
        messages,
        ended: (reason) => {
          this.#channels.delete(channel);
          ended(reason);
        },
      }),
    );
    return channel;
  }

  #keep(channel: MessageChannel): MessageChannel {
    const kept: MessageChannel = {
      send: (frame) => channel.send(frame),
      close: () => {
        this.#channels.delete(kept);
        const ending = channel.close().finally(() => this.#ending.delete(ending));
        this.#ending.add(ending);
        return ending;
      },
    };
    this.#channels.add(kept);
    return kept;
  }
}
