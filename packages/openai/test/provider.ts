import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";

/** One request as the provider got it. */
export interface SeenRequest {
  readonly method: string;
  readonly path: string;
  readonly headers: Readonly<Record<string, unknown>>;
  readonly text: string;
  readonly json: Record<string, unknown>;
}

/** What the provider answers: JSON with a status, or pieces of a stream that are written one after the other. */
export type Reply =
  | {
      readonly status?: number;
      readonly headers?: Record<string, string>;
      readonly json: unknown;
      /** Waited for before anything is answered. */
      readonly before?: () => Promise<void>;
    }
  | {
      readonly stream: readonly (string | Uint8Array)[];
      /** Default: events. */
      readonly type?: string;
      readonly beforePiece?: (at: number) => Promise<void> | void;
    }
  | { readonly bytes: Uint8Array; readonly type: string }
  | { readonly hangUp: true };

/** A provider on this machine that speaks the API over HTTP. */
export class Provider {
  readonly seen: SeenRequest[] = [];
  /** Answers in order; the last one again and again. */
  replies: Reply[] = [];
  readonly #server: Server;

  private constructor(server: Server) {
    this.#server = server;
  }

  static async start(): Promise<Provider> {
    const server = createServer();
    const provider = new Provider(server);
    server.on("request", (request, response) => void provider.#answer(request, response));
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    return provider;
  }

  get url(): string {
    // A server that listens on TCP has an address of this kind.
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}/v1`;
  }

  get last(): SeenRequest {
    const last = this.seen.at(-1);
    if (last === undefined) throw new Error("the provider was not reached");
    return last;
  }

  reset(...replies: Reply[]): void {
    this.seen.length = 0;
    this.replies = replies;
  }

  async close(): Promise<void> {
    this.#server.closeAllConnections();
    await new Promise((resolve) => this.#server.close(resolve));
  }

  async #answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const chunks: Uint8Array[] = [];
    for await (const chunk of request) chunks.push(chunk);
    const text = Buffer.concat(chunks).toString("utf8");
    this.seen.push({
      method: request.method ?? "",
      path: request.url ?? "",
      headers: request.headers,
      text,
      json: text.startsWith("{") ? JSON.parse(text) : {},
    });
    const reply = this.replies.length > 1 ? this.replies.shift() : this.replies[0];
    if (reply === undefined || "hangUp" in reply) return void request.socket.destroy();
    if ("json" in reply) {
      await reply.before?.();
      response.writeHead(reply.status ?? 200, {
        "content-type": "application/json",
        "x-request-id": "req_1",
        ...reply.headers,
      });
      return void response.end(JSON.stringify(reply.json));
    }
    if ("bytes" in reply) {
      response.writeHead(200, { "content-type": reply.type });
      return void response.end(reply.bytes);
    }
    response.writeHead(200, {
      "content-type": reply.type ?? "text/event-stream",
      "x-request-id": "req_1",
    });
    response.flushHeaders();
    for (const [at, piece] of reply.stream.entries()) {
      // oxlint-disable-next-line no-await-in-loop -- a stream gives one piece after the other
      await reply.beforePiece?.(at);
      if (response.destroyed) return;
      response.write(piece);
    }
    response.end();
  }
}
