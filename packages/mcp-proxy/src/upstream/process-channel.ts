import { ChannelReader } from "./channel-reader.ts";
import type { OpenChannel } from "./message-channel.ts";
import { ServerProcess, type ServerCommand } from "./server-process.ts";
import { startProblem } from "./start-problem.ts";

/** How messages of a server's are read. */
export interface Reading {
  readonly maxFrameBytes: number;
  readonly log: (line: string) => void;
}

/** Channels to a server that is started for each, and speaks over its standard streams. */
export function processChannels(command: ServerCommand, { maxFrameBytes, log }: Reading): OpenChannel {
  return ({ messages, ended }) => {
    const reader = new ChannelReader({ messages, log, send: ({ raw }) => server.send(raw) });
    const events = {
      line: (bytes: Uint8Array) => reader.take(bytes),
      tooLong: reader.refuse.bind(reader),
      exit: ended,
    };
    let server: ServerProcess;
    try {
      server = new ServerProcess(command, events, maxFrameBytes);
    } catch (error) {
      // Told later, like any end: nobody has the channel yet.
      queueMicrotask(() => ended(startProblem(command, error)));
      return { send: () => undefined, close: () => Promise.resolve() };
    }
    return {
      send(frame) {
        reader.sent(frame);
        server.send(frame.raw);
      },
      close: () => server.stop(),
    };
  };
}
