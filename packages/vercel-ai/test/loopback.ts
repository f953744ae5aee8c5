import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";

/** A server on this machine, and everything it was sent. */
export interface Loopback {
  readonly url: string;
  readonly bodies: string[];
  close(): Promise<void>;
}

/** Answers every request; its body is read first. */
export async function startLoopback(
  answer: (request: IncomingMessage, response: ServerResponse, body: string) => void,
): Promise<Loopback> {
  const bodies: string[] = [];
  const server: Server = createServer((request, response) => {
    let body = "";
    request.on("data", (part) => (body += String(part)));
    request.on("end", () => {
      bodies.push(body);
      answer(request, response, body);
    });
  });
  await new Promise<void>((listening) => void server.listen(0, "127.0.0.1", listening));
  // A TCP server has an address with a port.
  const { port } = server.address() as AddressInfo;
  return {
    url: `http://127.0.0.1:${port}`,
    bodies,
    close() {
      server.closeAllConnections();
      return new Promise((closed) => void server.close(() => closed()));
    },
  };
}

/** Sends events as providers do. */
export function sendEvents(
  response: ServerResponse,
  events: readonly (object | string)[],
  named = false,
): void {
  response.writeHead(200, { "content-type": "text/event-stream" });
  for (const event of events) {
    if (named && typeof event === "object" && "type" in event)
      response.write(`event: ${String(event.type)}\n`);
    response.write(`data: ${typeof event === "string" ? event : JSON.stringify(event)}\n\n`);
  }
  response.end();
}
