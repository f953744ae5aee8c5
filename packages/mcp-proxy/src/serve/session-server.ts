import type { Frame } from "../frame/frame.ts";
import type { RpcId } from "../frame/rpc.ts";
import type { Exchange } from "./exchange.ts";
import type { SseEvent } from "../http/sse-splitter.ts";

/** With what a message came: the exchange that it belongs to, and the event that carried it. */
export interface Arrival {
  readonly exchange: Exchange | undefined;
  readonly event?: SseEvent;
}

/** What one session of an HTTP client has of the server, whatever the server speaks over. */
export interface SessionServer {
  /** What the session is called. Undefined: it ends with its request. */
  readonly sessionId: string | undefined;
  /** Sends what asks for no answer. @returns The status that the client gets. */
  tell(frame: Frame, exchange: Exchange | undefined): Promise<number>;
  /** Sends a request; whatever comes of it is delivered, and in the end an answer. */
  ask(frame: Frame, exchange: Exchange | undefined): Promise<void>;
  /** Opens a stream of what the server says unasked. @returns False when it does not offer one. */
  listen(exchange: Exchange): Promise<boolean>;
  /** Ends the session at the server. @returns The status that the client gets. */
  remove(exchange: Exchange): Promise<number>;
  /** Ends the waiting for an answer. */
  abort(id: RpcId): void;
  end(): void;
}

/** What a session hears of its server. */
export interface SessionServerInit {
  /** Hears each message of the server's. */
  readonly deliver: (frame: Frame, arrival: Arrival) => void;
  /** The server has begun a session. Left out: whatever it calls it, it ends with its request. */
  readonly named?: (sessionId: string) => void;
  /** The server does not know the session any more. */
  readonly gone: () => void;
  readonly log: (line: string) => void;
}
