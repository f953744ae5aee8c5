import http, { type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";

import { StdioClientTransport } from "@modelcontextprotocol/client/stdio";
import type { JSONRPCMessage } from "@modelcontextprotocol/server";

import type { Command } from "./clients.ts";

/** Servers that know standard streams alone, over HTTP+SSE of 2024-11-05: each stream has a process. */
export async function overSse([command, ...args]: Command): Promise<{
  readonly url: string;
  close(): Promise<void>;
}> {
  const children = new Map<string, StdioClientTransport>();
  const open = async (response: ServerResponse): Promise<void> => {
    const id = crypto.randomUUID();
    const child = new StdioClientTransport({ command, args, stderr: "ignore" });
    children.set(id, child);
    response.writeHead(200, { "content-type": "text/event-stream" });
    // oxlint-disable-next-line prefer-add-event-listener -- transports of the SDK have no other way
    child.onmessage = (message) =>
      void response.write(`event: message\ndata: ${JSON.stringify(message)}\n\n`);
    await child.start();
    response.write(`event: endpoint\ndata: /messages?session=${id}\n\n`);
    response.on("close", () => void child.close());
  };
  const take = (child: StdioClientTransport, request: IncomingMessage, response: ServerResponse): void => {
    const parts: Buffer[] = [];
    request.on("data", (part: Buffer) => void parts.push(part));
    request.on("end", () => {
      response.writeHead(202).end("Accepted");
      // The proxy sends JSON-RPC.
      void child.send(JSON.parse(Buffer.concat(parts).toString()) as JSONRPCMessage);
    });
  };
  const server = http.createServer((request, response) => {
    const { pathname, searchParams } = new URL(request.url ?? "/", "http://127.0.0.1");
    const child = children.get(searchParams.get("session") ?? "");
    if (request.method === "GET" && pathname === "/sse") void open(response);
    else if (request.method === "POST" && child !== undefined) take(child, request, response);
    else response.writeHead(405).end();
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return {
    // A server that listens at a host has an address with a port.
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/sse`,
    async close() {
      server.closeAllConnections();
      server.close();
      await Promise.all([...children.values()].map((child) => child.close()));
    },
  };
}
