import http, { type ClientRequest, type IncomingMessage } from "node:http";
import https from "node:https";
import { urlToHttpOptions } from "node:url";

import { endInOne } from "./end-in-one.ts";
import { IdleConnections, KEEPING, sayHowLong } from "./idle-connections.ts";

/** What is sent to the server. */
export interface UpstreamRequest {
  readonly method: "POST" | "GET" | "DELETE";
  /** Another place of the same server. Default: where it speaks MCP. */
  readonly url?: URL;
  readonly headers: Readonly<Record<string, string>>;
  readonly body?: Uint8Array;
  readonly signal: AbortSignal;
  /** Whether the server may get it twice: it has no effect, or none the second time. Default: no. */
  readonly mayRepeat?: boolean;
}

/** The way to one server over HTTP: connections are kept, no redirect is followed. */
export class Upstream {
  /** Where the server speaks MCP. */
  readonly url: URL;
  readonly #token: string | undefined;
  readonly #agent: http.Agent;
  readonly #idle: IdleConnections;
  /** The parts of the URL, taken apart once. */
  readonly #place: ReturnType<typeof urlToHttpOptions>;

  /** @param token What the proxy presents to the server, as a bearer. Default: nothing. */
  constructor(url: URL, token?: string) {
    this.url = url;
    this.#token = token;
    this.#place = urlToHttpOptions(url);
    this.#agent = url.protocol === "https:" ? new https.Agent(KEEPING) : new http.Agent(KEEPING);
    this.#idle = new IdleConnections(this.#agent);
  }

  /** @returns The answer, once its headers are there; rejects when there is none. */
  send(asked: UpstreamRequest): Promise<IncomingMessage> {
    const { method, url, headers, body, signal, mayRepeat = false } = asked;
    const { request } = this.url.protocol === "https:" ? https : http;
    const place = url === undefined ? this.#place : urlToHttpOptions(url);
    const options = { ...place, method, agent: this.#agent, headers: this.#head(headers, body) };
    this.#idle.endOverdue();
    return new Promise((resolve, reject) => {
      const sent = request(options);
      cutBy(signal, sent);
      let hasAnswer = false;
      sent.on("response", (answer) => {
        hasAnswer = true;
        sayHowLong(answer);
        resolve(answer);
      });
      // A server gives an idle connection up just when a request comes: whether it got that nobody knows. Each try takes
      // another connection, and the last one is new.
      sent.on("error", (error) => {
        if (mayRepeat && !hasAnswer && sent.reusedSocket && isReset(error)) resolve(this.send(asked));
        else reject(error);
      });
      // Node.js would leave such a request without an answer, and without an error.
      sent.on("upgrade", (_answer, socket) => {
        socket.destroy();
        reject(new Error("the server changes the protocol"));
      });
      if (body === undefined) sent.end();
      else endInOne(sent, body);
    });
  }

  close(): void {
    this.#agent.destroy();
  }

  /** As a list, which Node.js writes down at once; of an object it looks at each name several times. */
  #head(headers: UpstreamRequest["headers"], body: Uint8Array | undefined): string[] {
    // The bodies are read here: compressed ones would have to be opened first.
    const list = ["host", this.url.host, "accept-encoding", "identity"];
    if (body !== undefined)
      list.push("content-type", "application/json", "content-length", String(body.length));
    for (const [name, value] of Object.entries(headers))
      if (name !== "authorization" || this.#token === undefined) list.push(name, value);
    if (this.#token !== undefined) list.push("authorization", `Bearer ${this.#token}`);
    return list;
  }
}

function isReset({ code }: NodeJS.ErrnoException): boolean {
  return code === "ECONNRESET" || code === "EPIPE";
}

/** The same as the option `signal`, which watches the request with a dozen listeners to find out when it is over. */
function cutBy(signal: AbortSignal, sent: ClientRequest): void {
  const cut = (): void => void sent.destroy(new Error("the request was given up"));
  if (signal.aborted) return cut();
  signal.addEventListener("abort", cut, { once: true });
  sent.on("close", () => signal.removeEventListener("abort", cut));
}
