import { readFrames } from "../frame/frame.ts";
import type { OpenChannel } from "./message-channel.ts";
import { ServerProcess, type ServerCommand } from "./server-process.ts";

/** How messages of a server's are read. */
export interface Reading {
  readonly maxFrameBytes: number;
  readonly log: (line: string) => void;
}

/** Channels to a server that is started for each, and speaks over its standard streams. */
export function processChannels(command: ServerCommand, { maxFrameBytes, log }: Reading): OpenChannel {
  return ({ messages, ended }) => {
    const events = {
      line(bytes: Uint8Array) {
        const frames = readFrames(bytes);
        if ("problem" in frames) log(`the server sent a line that is refused: ${frames.problem}`);
        else messages(frames);
      },
      tooLong: () => log("the server sent a message that is too long"),
      exit: ended,
    };
    const server = new ServerProcess(command, events, maxFrameBytes);
    return { send: ({ raw }) => server.send(raw), close: () => server.stop() };
  };
}
