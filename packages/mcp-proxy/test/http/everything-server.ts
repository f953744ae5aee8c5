import http, { type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { Readable } from "node:stream";

import {
  createMcpHandler,
  isLegacyRequest,
  localhostAllowedHostnames,
  localhostAllowedOrigins,
  McpServer,
  type McpServerOptions,
  validateHostHeader,
  validateOriginHeader,
  WebStandardStreamableHTTPServerTransport,
} from "@modelcontextprotocol/server";
import * as z from "zod";

/** A real server of both eras over HTTP. */
export interface EverythingServer {
  readonly url: string;
  /** The names of the tools that ran, in order. */
  readonly ran: string[];
  /** How many calls of `wait` have begun. */
  readonly waiting: () => number;
  /** How many of them were cancelled. */
  readonly cancelled: () => number;
  close(): Promise<void>;
}

/** How it is started. */
export interface EverythingOptions {
  /** Whether it answers with bodies instead of streams. Default false. */
  readonly isJson?: boolean;
  /** Adds more to each instance. */
  readonly extend?: (server: McpServer) => void;
  /** What each instance is made with beside that. */
  readonly server?: McpServerOptions;
}

/** Starts one. */
export async function everythingServer({
  isJson = false,
  extend = () => undefined,
  server: options = {},
}: EverythingOptions = {}): Promise<EverythingServer> {
  const ran: string[] = [];
  let waiting = 0;
  let cancelled = 0;
  const create = (): McpServer => {
    const server = new McpServer(
      { name: "everything", version: "1.0.0" },
      { instructions: "be kind", capabilities: { logging: {} }, ...options },
    );
    const text = (words: string) => ({ content: [{ type: "text" as const, text: words }] });
    server.registerTool(
      "echo",
      { description: "Says what it is told", inputSchema: z.object({ words: z.string() }) },
      ({ words }) => {
        ran.push("echo");
        return text(words);
      },
    );
    server.registerTool("wipe", { description: "Deletes everything", inputSchema: z.object({}) }, () => {
      ran.push("wipe");
      return text("gone");
    });
    server.registerTool("mail", { description: "Tells an address", inputSchema: z.object({}) }, () =>
      text("write to mira@example.com"),
    );
    server.registerTool(
      "count",
      { description: "Counts", inputSchema: z.object({}) },
      async (_input, { mcpReq }) => {
        const progressToken = mcpReq["_meta"]?.progressToken;
        if (progressToken === undefined) return text("counted");
        for (const progress of [1, 2, 3])
          // oxlint-disable-next-line no-await-in-loop -- one after the other
          await mcpReq.notify({ method: "notifications/progress", params: { progressToken, progress } });
        return text("counted");
      },
    );
    server.registerTool(
      "wait",
      { description: "Waits", inputSchema: z.object({}) },
      async (_input, { mcpReq: { signal } }) => {
        waiting++;
        await new Promise((resolve) => signal.addEventListener("abort", resolve));
        cancelled++;
        return text("waited");
      },
    );
    server.registerTool(
      "ask",
      { description: "Asks the user", inputSchema: z.object({}) },
      async (_input, { mcpReq }) => {
        // On the stream of the call: the session's own may not be open yet, and what is said there then is lost.
        const answer = await mcpReq.elicitInput(
          {
            message: "Your name?",
            requestedSchema: { type: "object", properties: { name: { type: "string" } } },
          },
          { relatedRequestId: mcpReq.id },
        );
        return text(JSON.stringify(answer.content ?? answer.action));
      },
    );
    extend(server);
    return server;
  };
  const modern = createMcpHandler(create, { legacy: "reject", responseMode: isJson ? "json" : "auto" });
  const sessions = new Map<string, WebStandardStreamableHTTPServerTransport>();
  const legacy = async (request: Request): Promise<Response> => {
    const id = request.headers.get("mcp-session-id");
    const known = id === null ? undefined : sessions.get(id);
    if (id !== null && known === undefined) return Response.json({ error: "no session" }, { status: 404 });
    if (known !== undefined) return known.handleRequest(request);
    const transport = new WebStandardStreamableHTTPServerTransport({
      sessionIdGenerator: () => crypto.randomUUID(),
      enableJsonResponse: isJson,
      onsessioninitialized: (given) => void sessions.set(given, transport),
      onsessionclosed: (given) => void sessions.delete(given),
    });
    await create().connect(transport);
    return transport.handleRequest(request);
  };
  const server = http.createServer((incoming, outgoing) => {
    const { host, origin } = incoming.headers;
    const isLocal =
      validateHostHeader(host, localhostAllowedHostnames()).ok &&
      (origin === undefined || validateOriginHeader(origin, localhostAllowedOrigins()).ok);
    if (!isLocal) {
      outgoing.writeHead(403).end();
      return;
    }
    const stop = new AbortController();
    outgoing.on("close", () => stop.abort());
    const request = requestOf(incoming, stop.signal);
    void isLegacyRequest(request.clone())
      .then((isLegacy) => (isLegacy ? legacy(request) : modern.fetch(request)))
      .then((response) => give(response, outgoing));
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return {
    // A server that listens at a host has an address with a port.
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/mcp`,
    ran,
    waiting: () => waiting,
    cancelled: () => cancelled,
    async close() {
      await modern.close();
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

/** Gives an answer of the web to a response of Node.js. */
export function give(response: Response, outgoing: ServerResponse): void {
  outgoing.writeHead(response.status, Object.fromEntries(response.headers));
  if (response.body === null) return void outgoing.end();
  outgoing.flushHeaders();
  // The two declarations of one web stream differ in name only.
  Readable.fromWeb(response.body as never)
    .on("error", () => outgoing.destroy())
    .pipe(outgoing);
}

/** A request of Node.js as one of the web. */
export function requestOf(incoming: IncomingMessage, signal: AbortSignal): Request {
  const headers = Object.entries(incoming.headers).map(
    ([name, value]) => [name, String(value)] as [string, string],
  );
  const hasBody = incoming.method === "POST";
  return new Request(`http://127.0.0.1${incoming.url ?? "/"}`, {
    method: incoming.method ?? "GET",
    headers,
    signal,
    ...(hasBody && { body: Readable.toWeb(incoming) as never, duplex: "half" }),
  });
}
