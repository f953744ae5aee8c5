import http, { type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";

import { createAgentPlane, type AgentPlane, type PlaneOptions, type Policy } from "@agentplane/core";
import { createScanner } from "@agentplane/safety";
import { Client, StreamableHTTPClientTransport, type ClientOptions } from "@modelcontextprotocol/client";
import { onTestFinished } from "vitest";

import { createHttpProxy, type HttpProxy, type HttpProxyOptions } from "../../src/index.ts";

/** A proxy in front of an address; it ends with the test. */
export async function proxied(
  upstream: string,
  planeOptions: PlaneOptions = {},
  options: Partial<HttpProxyOptions> = {},
): Promise<{ readonly proxy: HttpProxy; readonly plane: AgentPlane; readonly url: string }> {
  const plane = createAgentPlane({
    scanner: createScanner(),
    approvals: { resolver: "external" },
    ...planeOptions,
  });
  const proxy = await createHttpProxy({
    plane,
    identity: { agent: "writer", tenant: "acme" },
    server: "shop",
    upstream,
    graceMs: 100,
    ...options,
  });
  onTestFinished(async () => {
    await proxy.close();
    await plane.close();
  });
  return { proxy, plane, url: proxy.url };
}

/** A client of the SDK, connected to an address. */
export async function clientOf(
  url: string,
  era: "legacy" | "auto",
  options: ClientOptions = {},
): Promise<Client> {
  const client = new Client(
    { name: "test", version: "1.0.0" },
    { versionNegotiation: { mode: era }, ...options },
  );
  await client.connect(new StreamableHTTPClientTransport(new URL(url)));
  onTestFinished(() => client.close());
  return client;
}

/** What a server in the test's hands was sent. */
export interface Got {
  readonly method: string;
  readonly path: string;
  readonly headers: IncomingMessage["headers"];
  readonly body: string;
}

/** A server in the test's hands; it ends with the test. */
export async function scripted(
  answer: (got: Got, response: ServerResponse) => void,
): Promise<{ readonly url: string; readonly got: Got[] }> {
  const got: Got[] = [];
  const server = http.createServer((request, response) => {
    const parts: Buffer[] = [];
    request.on("data", (part: Buffer) => void parts.push(part));
    request.on("end", () => {
      const one = {
        method: request.method ?? "",
        path: request.url ?? "",
        headers: request.headers,
        body: Buffer.concat(parts).toString(),
      };
      got.push(one);
      answer(one, response);
    });
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  onTestFinished(() => {
    server.closeAllConnections();
    server.close();
  });
  // A server that listens at a host has an address with a port.
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/mcp`, got };
}

/** Answers with a JSON body. */
export function json(response: ServerResponse, value: unknown, status = 200, headers = {}): void {
  response.writeHead(status, { "content-type": "application/json", ...headers });
  response.end(typeof value === "string" ? value : JSON.stringify(value));
}

/** Answers an `initialize` with a session, and says whether it was one. */
export function begun({ body }: Got, response: ServerResponse, sessionId = "s-1"): boolean {
  if (!body.includes('"initialize"')) return false;
  // The body is the test's own.
  const { id } = JSON.parse(body) as { id: number };
  const result = { protocolVersion: "2025-11-25", capabilities: { tools: {} }, serverInfo: {} };
  json(response, { jsonrpc: "2.0", id, result }, 200, { "mcp-session-id": sessionId });
  return true;
}

export const HEADERS = {
  "content-type": "application/json",
  accept: "application/json, text/event-stream",
};

/** Posts a message. `fetch` hides `Host`; where that matters the test asks otherwise. */
export function post(url: string, message: unknown, headers: Record<string, string> = {}): Promise<Response> {
  const body = typeof message === "string" ? message : JSON.stringify(message);
  return fetch(url, { method: "POST", headers: { ...HEADERS, ...headers }, body });
}

export const INITIALIZE = {
  jsonrpc: "2.0",
  id: 0,
  method: "initialize",
  params: {
    protocolVersion: "2025-11-25",
    capabilities: { elicitation: {} },
    clientInfo: { name: "t", version: "1" },
  },
};

export function callOf(id: string | number, name: string, input: unknown = {}): Record<string, unknown> {
  return { jsonrpc: "2.0", id, method: "tools/call", params: { name, arguments: input } };
}

/** A `tools/call` of 2026-07-28, and the headers that go with it. */
export function modernCall(
  id: number,
  name: string,
  input: unknown = {},
): { readonly message: Record<string, unknown>; readonly headers: Record<string, string> } {
  const meta = {
    "io.modelcontextprotocol/protocolVersion": "2026-07-28",
    "io.modelcontextprotocol/clientCapabilities": {},
  };
  const params = { name, arguments: input, _meta: meta };
  return {
    message: { jsonrpc: "2.0", id, method: "tools/call", params },
    headers: { "mcp-protocol-version": "2026-07-28", "mcp-method": "tools/call", "mcp-name": name },
  };
}

export const SESSION = { "mcp-session-id": "s-1" };

/** The id and method of what a server in the test's hands was sent. */
export function asked({ body }: Got): { readonly id?: string | number; readonly method?: string } {
  // The proxy sends JSON objects.
  return body === "" ? {} : (JSON.parse(body) as { id?: number; method?: string });
}

export function stream(response: ServerResponse, ...texts: readonly string[]): void {
  response.writeHead(200, { "content-type": "text/event-stream" });
  for (const text of texts) response.write(text);
}

/** A proxy before a scripted server, with a session begun. */
export async function inSession(
  answer: (got: Got, response: ServerResponse) => void,
  policies: readonly Policy[] = [],
  options: Parameters<typeof proxied>[2] = {},
) {
  const server = await scripted((got, response) => {
    if (!begun(got, response)) answer(got, response);
  });
  const made = await proxied(server.url, { policies: [...policies] }, options);
  const begin = await post(made.url, INITIALIZE);
  await begin.text();
  return { ...made, ...server, url: made.url };
}
