import { HttpChannel } from "./http-channel.ts";
import { SseChannel } from "./sse-channel.ts";
import { messageOf } from "./server-answer.ts";
import { Upstream } from "../http/upstream.ts";
import type { Frame } from "../frame/frame.ts";
import type { ChannelEvents, MessageChannel, OpenChannel } from "./message-channel.ts";
import { processChannels, type Reading } from "./process-channel.ts";
import type { HttpTransport, ServerAddress } from "./server-address.ts";
import type { ServerCommand } from "./server-process.ts";

/** How the channels of one proxy to its server are opened, and what they have in common. */
export interface Channels {
  readonly open: OpenChannel;
  /** Ends what outlives a single channel. */
  close(): void;
}

/** Channels to a server, whatever it speaks over. */
export function channelsTo(server: ServerCommand | ServerAddress, reading: Reading): Channels {
  if (!("url" in server)) return { open: processChannels(server, reading), close: () => undefined };
  const upstream = new Upstream(new URL(server.url), server.token);
  const init: Addressed = { ...reading, upstream };
  const memory = { transport: server.transport ?? "auto" };
  return {
    open: (events) =>
      memory.transport === "sse" ? new SseChannel({ ...init, ...events }) : httpChannel(init, events, memory),
    close: () => upstream.close(),
  };
}

interface Addressed extends Reading {
  readonly upstream: Upstream;
}

function httpChannel(
  init: Addressed,
  events: ChannelEvents,
  memory: { transport: HttpTransport },
): MessageChannel {
  let sse: SseChannel | undefined;
  const otherwise = async (initialize: Frame): Promise<boolean> => {
    const ended = (reason: string): void => {
      if (sse === tried) events.ended(reason);
    };
    const tried: SseChannel = new SseChannel({ ...init, messages: events.messages, ended });
    try {
      await tried.ready;
    } catch (error) {
      init.log(`the server does not speak HTTP+SSE either: ${messageOf(error)}`);
      return false;
    }
    // Once it is known what the server speaks, it is not asked again.
    memory.transport = "sse";
    sse = tried;
    tried.send(initialize);
    return true;
  };
  const http = new HttpChannel({
    ...init,
    messages: events.messages,
    ...(memory.transport === "auto" && { otherwise }),
  });
  return {
    send: (frame) => (sse ?? http).send(frame),
    close: async () => void (await Promise.all([http.close(), sse?.close()])),
  };
}
