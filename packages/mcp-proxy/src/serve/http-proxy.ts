import http, { type IncomingMessage } from "node:http";
import type { AddressInfo } from "node:net";

import { createGate } from "./gate.ts";
import { HttpHandler } from "./http-handler.ts";
import { resolveHttpOptions, type HttpProxyOptions } from "./http-options.ts";
import { refuse } from "./refuse.ts";

/** A proxy that listens. */
export interface HttpProxy {
  /** Where clients reach it. */
  readonly url: string;
  /** Takes no more requests, lets those that run come to an end for a while, and ends the rest. */
  close(): Promise<void>;
}

/**
 * Puts a plane between clients that speak streamable HTTP, in every revision of the protocol, and a server: sessions, event
 * streams and resumption of one that speaks it too pass through; of one that is started, each session has a process.
 * @returns Once it listens.
 * @throws ConfigError for options that would be unsafe or do nothing
 */
export async function createHttpProxy(options: HttpProxyOptions): Promise<HttpProxy> {
  const resolved = resolveHttpOptions(options);
  const { path, host, port, hosts, origins, token, maxConcurrent, receiveMs, graceMs } = resolved;
  const gate = createGate({ hosts, origins, ...(token !== undefined && { token }) });
  const handler = new HttpHandler(resolved);
  let open = 0;
  let isClosing = false;
  const server = http.createServer({ ...TWICE_IS_BOTH, ...arrivingIn(receiveMs) }, (request, response) => {
    const refusal = gate(request.headers);
    if (refusal !== undefined) return refuse(response, refusal);
    const serve = handler.at(pathOf(request));
    if (serve === undefined) return refuse(response, { status: 404, message: "not found" });
    if (open >= maxConcurrent) return refuse(response, BUSY);
    open++;
    response.on("close", () => {
      open--;
      // A connection that is kept for the next request would keep the end waiting.
      if (isClosing) setImmediate(() => server.closeIdleConnections());
    });
    serve(request, response).catch((error: unknown) => {
      options.log?.(`a request failed: ${String(error)}`);
      refuse(response, { status: 500, message: "the proxy failed; the call did not go on" });
    });
  });
  // Clients keep connections: one that is closed just when it is used again fails the call.
  server.keepAliveTimeout = 65_000;
  await new Promise<void>((resolve, reject) => {
    server.once("error", reject);
    server.listen(port, host, resolve);
  });
  // A server that listens at a host has an address with a port.
  const at = server.address() as AddressInfo;
  const shown = at.family === "IPv6" ? `[${at.address}]` : at.address;
  return {
    url: `http://${shown}:${at.port}${path}`,
    async close() {
      isClosing = true;
      const closed = new Promise<void>((resolve) => server.close(() => resolve()));
      handler.endStreams();
      server.closeIdleConnections();
      const timer = setTimeout(() => {
        void handler.end();
        server.closeAllConnections();
      }, graceMs);
      await closed;
      clearTimeout(timer);
      await handler.end();
    },
  };
}

/** Of a header that comes twice Node.js would keep the first: somebody else may go by the other. */
const TWICE_IS_BOTH = { joinDuplicateHeaders: true };

/** Who sends a request by drops holds a place of those that may be open at once. */
function arrivingIn(receiveMs: number): http.ServerOptions {
  return {
    requestTimeout: receiveMs,
    headersTimeout: Math.min(receiveMs, 10_000),
    connectionsCheckingInterval: Math.min(receiveMs, 5_000),
  };
}

const BUSY = { status: 503, message: "too many requests at once", headers: { "retry-after": "1" } };

function pathOf({ url = "/" }: IncomingMessage): string {
  return url.split("?", 1)[0] ?? "/";
}
