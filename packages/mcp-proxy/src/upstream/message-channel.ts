import type { Frame } from "../frame/frame.ts";

/** A way to one server on which messages travel in both directions, whatever carries them. */
export interface MessageChannel {
  send(frame: Frame): void;
  /** Ends it, and what was started for it. Settles when nothing of it is left. */
  close(): Promise<void>;
}

/** What a channel tells. After `ended` it tells nothing more, and after it was closed nothing at all. */
export interface ChannelEvents {
  /** Messages of the server's, in order. */
  messages(frames: readonly Frame[]): void;
  /** The server is gone, or could not be reached: whatever it was asked is not answered. */
  ended(reason: string): void;
}

/** Opens a channel. What cannot be opened says so as `ended`, later. */
export type OpenChannel = (events: ChannelEvents) => MessageChannel;
