import type { IncomingMessage, ServerResponse } from "node:http";

import { recordOf } from "../frame/json.ts";
import { readBody } from "../http/read-body.ts";
import { refuse, type Refused } from "./refuse.ts";
import type { Upstream } from "../http/upstream.ts";

/** Where a server says which authorization servers it trusts, followed by its own path (RFC 9728, section 3.1). */
const WELL_KNOWN = "/.well-known/oauth-protected-resource";
/** A parameter of a challenge with its value (RFC 9110, section 11.2). Begins only where a name does: no time is lost. */
const PARAMETER = /(?<![\w!#$%&'*+.^`|~-])([\w!#$%&'*+.^`|~-]+)(\s*=\s*)("(?:[^"\\]|\\.)*"|[^\s,"]+)/g;

/** What the description of a server depends on. */
export interface ProtectedResourceInit {
  readonly url: URL;
  readonly upstream: Upstream;
  readonly maxBytes: number;
  /** Scheme and authority under which clients reach the proxy. Default: `http:` and what each asks for. */
  readonly publicOrigin?: string;
  readonly log: (line: string) => void;
}

/**
 * What a server says of itself to clients that need a token for it, in the proxy's name: a client refuses a description of
 * another resource than the one it speaks to, and one that believed it would speak past the proxy from then on.
 */
export class ProtectedResource {
  readonly #init: ProtectedResourceInit;
  /** Where the server has said that its description is. */
  #named: URL | undefined;

  constructor(init: ProtectedResourceInit) {
    this.#init = init;
  }

  /** Whether clients look for the description at this path. */
  isAt(path: string): boolean {
    return path === WELL_KNOWN || path === this.#path;
  }

  /**
   * A server's challenge as the client gets it.
   * @param host What the client asked for, once it was found to be served.
   */
  challenge(value: string, host: string | undefined): string {
    return value.replaceAll(PARAMETER, (all, name: string, equals: string, given: string) => {
      if (name.toLowerCase() !== "resource_metadata") return all;
      this.#remember(given.startsWith('"') ? given.slice(1, -1).replaceAll(/\\(.)/g, "$1") : given);
      return `${name}${equals}"${this.#originFor(host)}${this.#path}"`;
    });
  }

  /** Answers who asks for the description. */
  async describe(request: IncomingMessage, response: ServerResponse): Promise<void> {
    if (request.method !== "GET")
      return refuse(response, {
        status: 405,
        message: "this method is not served",
        headers: { allow: "GET" },
      });
    const leaving = new AbortController();
    response.on("close", () => leaving.abort());
    const text = await this.#read(request, leaving.signal);
    if (typeof text !== "string") return refuse(response, text);
    response.writeHead(200, {
      "content-type": "application/json",
      // Another client may reach the proxy under another name.
      "cache-control": "no-store",
      "content-length": Buffer.byteLength(text),
    });
    response.end(text);
  }

  get #path(): string {
    const { pathname } = this.#init.url;
    return pathname === "/" ? WELL_KNOWN : `${WELL_KNOWN}${pathname}`;
  }

  #originFor(host: string | undefined): string {
    return this.#init.publicOrigin ?? new URL(`http://${host}`).origin;
  }

  /** Only what the server itself serves is fetched: it must not send the proxy about in its own network. */
  #remember(text: string): void {
    const url = URL.canParse(text) ? new URL(text) : undefined;
    if (url?.origin === this.#init.url.origin && url.username === "" && url.password === "")
      this.#named = url;
  }

  async #read({ url: asked = "", headers }: IncomingMessage, signal: AbortSignal): Promise<string | Refused> {
    const { upstream, url, maxBytes } = this.#init;
    const path = asked.split("?", 1)[0] ?? "";
    const at = path === this.#path && this.#named !== undefined ? this.#named : new URL(path, url);
    try {
      const answer = await upstream.send({
        method: "GET",
        url: at,
        headers: { accept: "application/json" },
        signal,
      });
      if (answer.statusCode !== 200) {
        answer.resume();
        return answer.statusCode === 404 ? NOT_FOUND : UNUSABLE;
      }
      const body = await readBody(answer, maxBytes);
      if (body === undefined) answer.destroy();
      const described = body === undefined ? undefined : recordOf(JSON.parse(Buffer.from(body).toString()));
      return described === undefined ? UNUSABLE : this.#inOurName(described, headers.host);
    } catch (error) {
      if (!signal.aborted) this.#init.log(`the server's description was not read: ${String(error)}`);
      return UNUSABLE;
    }
  }

  #inOurName(described: Readonly<Record<string, unknown>>, host: string | undefined): string {
    const { resource, signed_metadata: _signed, ...others } = described;
    // A signature is over the server's name, and would count for more than what stands beside it.
    return JSON.stringify({ resource: this.#ours(resource, host), ...others });
  }

  /** Whatever is no name of the server stays: the client is to refuse it. */
  #ours(resource: unknown, host: string | undefined): unknown {
    if (typeof resource !== "string" || !URL.canParse(resource)) return resource;
    const { origin, pathname, search } = new URL(resource);
    if (origin !== this.#init.url.origin) return resource;
    const rest = resource.startsWith(origin) ? resource.slice(origin.length) : `${pathname}${search}`;
    return `${this.#originFor(host)}${rest}`;
  }
}

const NOT_FOUND: Refused = { status: 404, message: "the server does not describe itself" };
const UNUSABLE: Refused = { status: 502, message: "the server's description of itself cannot be used" };
