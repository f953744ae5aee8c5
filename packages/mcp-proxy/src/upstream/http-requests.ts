import type { IncomingMessage } from "node:http";

import { isModern } from "../connection/connection.ts";
import { rewritten, type Frame } from "../frame/frame.ts";
import { listOf, recordOf, textOf } from "../frame/json.ts";
import { headersFor } from "../http/header-agreement.ts";
import { mayRepeat } from "../http/may-repeat.ts";
import { ParamHeaders } from "../http/param-headers.ts";
import type { Upstream } from "../http/upstream.ts";

const VERSION = "io.modelcontextprotocol/protocolVersion";
const BOTH = "application/json, text/event-stream";
/** The requests of one client to a server over HTTP, with the headers that its session and era ask for. */
export class HttpRequests {
  readonly #upstream: Upstream;
  readonly #params = new ParamHeaders();
  /** What was agreed on by `initialize`. */
  #version: string | undefined;
  /** What the server calls the session, if it does. */
  sessionId: string | undefined;

  constructor(upstream: Upstream) {
    this.#upstream = upstream;
  }

  post(frame: Frame, signal: AbortSignal): Promise<IncomingMessage> {
    const headers = { accept: BOTH, ...(isModern(frame) ? this.#modern(frame) : this.#legacy()) };
    const isRepeatable = mayRepeat(frame);
    return this.#upstream.send({ method: "POST", headers, body: frame.raw, signal, mayRepeat: isRepeatable });
  }

  /** Asks for what the server says unasked, or for the rest of a stream that was cut. */
  get(lastEventId: string | undefined, signal: AbortSignal): Promise<IncomingMessage> {
    const headers = {
      accept: "text/event-stream",
      ...this.#legacy(),
      ...(lastEventId !== undefined && { "last-event-id": lastEventId }),
    };
    return this.#upstream.send({ method: "GET", headers, signal, mayRepeat: true });
  }

  /** Ends the session at the server. */
  async leave(signal: AbortSignal): Promise<void> {
    if (this.sessionId === undefined) return;
    const headers = this.#legacy();
    this.sessionId = undefined;
    const answer = await this.#upstream.send({ method: "DELETE", headers, signal, mayRepeat: true });
    answer.resume();
  }

  /** What comes next belongs to no session yet. */
  begin(): void {
    this.sessionId = undefined;
    this.#version = undefined;
  }

  /** Remembers which session the server has begun. */
  heard(request: Frame, { headers, statusCode = 0 }: IncomingMessage): void {
    const given = headers["mcp-session-id"];
    if (request.message["method"] === "initialize" && statusCode < 300 && typeof given === "string")
      this.sessionId = given;
  }

  /**
   * Remembers what an answer says of later requests.
   * @returns The answer as a client over HTTP may have it: without tools that cannot be called over HTTP.
   */
  learn(request: Frame, answer: Frame, log: (line: string) => void): Frame {
    const { method } = request.message;
    const result = recordOf(answer.message["result"]);
    if (method === "initialize") this.#version = textOf(result?.["protocolVersion"]);
    if (method !== "tools/list" || !isModern(request)) return answer;
    const invalid = this.#params.learn(answer);
    if (invalid.length === 0) return answer;
    log(`tools whose x-mcp-header is invalid are left out: ${invalid.join(", ")}`);
    const kept = listOf(result?.["tools"]).filter(
      (tool) => !invalid.includes(textOf(recordOf(tool)?.["name"]) ?? ""),
    );
    return rewritten(answer, [{ path: ["result", "tools"], value: kept }]);
  }

  #legacy(): Record<string, string> {
    return {
      ...(this.sessionId !== undefined && { "mcp-session-id": this.sessionId }),
      ...(this.#version !== undefined && { "mcp-protocol-version": this.#version }),
    };
  }

  #modern(frame: Frame): Record<string, string> {
    const meta = recordOf(recordOf(frame.message["params"])?.["_meta"]);
    return {
      "mcp-protocol-version": textOf(meta?.[VERSION]) ?? "",
      ...headersFor(frame),
      ...this.#params.of(frame),
    };
  }
}
