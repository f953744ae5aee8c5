import http from "node:http";
import type { AddressInfo } from "node:net";

import { StdioClientTransport } from "@modelcontextprotocol/client/stdio";
import { WebStandardStreamableHTTPServerTransport } from "@modelcontextprotocol/server";

import { give, requestOf } from "../http/everything-server.ts";
import type { Command } from "./clients.ts";

/** Servers that know standard streams alone, over HTTP: each session has a process. */
export async function overHttp([command, ...args]: Command): Promise<{
  readonly url: string;
  close(): Promise<void>;
}> {
  const sessions = new Map<string, WebStandardStreamableHTTPServerTransport>();
  const children: StdioClientTransport[] = [];
  const begin = async (): Promise<WebStandardStreamableHTTPServerTransport> => {
    const child = new StdioClientTransport({ command, args, stderr: "ignore" });
    children.push(child);
    const front = new WebStandardStreamableHTTPServerTransport({
      sessionIdGenerator: () => crypto.randomUUID(),
      onsessioninitialized: (id) => void sessions.set(id, front),
    });
    // oxlint-disable-next-line prefer-add-event-listener -- transports of the SDK have no other way
    front.onmessage = (message) => void child.send(message);
    // oxlint-disable-next-line prefer-add-event-listener
    child.onmessage = (message) => void front.send(message);
    await Promise.all([child.start(), front.start()]);
    return front;
  };
  const server = http.createServer((incoming, outgoing) => {
    const id = incoming.headers["mcp-session-id"];
    const known = typeof id === "string" ? sessions.get(id) : undefined;
    const request = requestOf(incoming, new AbortController().signal);
    void (known === undefined ? begin() : Promise.resolve(known))
      .then((front) => front.handleRequest(request))
      .then((response) => give(response, outgoing));
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return {
    // A server that listens at a host has an address with a port.
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/mcp`,
    async close() {
      server.closeAllConnections();
      server.close();
      await Promise.all(children.map((child) => child.close()));
    },
  };
}
