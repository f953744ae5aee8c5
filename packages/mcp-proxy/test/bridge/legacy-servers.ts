import { spawn } from "node:child_process";
import { once } from "node:events";
import http, { type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";

import { expect, onTestFinished } from "vitest";

import { scripted, type Got } from "../http/proxied.ts";
import { serverEntry } from "../stdio-client.ts";

/** A real server of the old HTTP+SSE transport; it ends with the test. @returns The URL of its stream. */
export async function everythingOverSse(): Promise<string> {
  const port = await freePort();
  const args = [serverEntry("@modelcontextprotocol/server-everything/dist/index.js"), "sse"];
  const child = spawn(process.execPath, args, {
    env: { ...process.env, PORT: String(port) },
    stdio: ["ignore", "ignore", "pipe"],
  });
  const ended = once(child, "close");
  onTestFinished(async () => {
    child.kill("SIGKILL");
    await ended;
  });
  let said = "";
  child.stderr.on("data", (bytes: Buffer) => (said += bytes.toString()));
  await expect.poll(() => said, { timeout: 15_000 }).toContain(String(port));
  return `http://127.0.0.1:${port}/sse`;
}

async function freePort(): Promise<number> {
  const server = http.createServer();
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  // A server that listens at a host has an address with a port.
  const { port } = server.address() as AddressInfo;
  await new Promise((resolve) => server.close(resolve));
  return port;
}

/** A server of the old transport in the test's hands. */
export interface ScriptedSse {
  readonly url: string;
  readonly got: readonly Got[];
  /** Says something on the newest stream. */
  say(text: string): void;
  cut(): void;
}

/** Starts one; requests of the client's are answered on the stream. */
export async function scriptedSse(
  endpoint: string,
  answer: (message: { id?: number; method?: string }) => unknown,
): Promise<ScriptedSse> {
  let open: ServerResponse | undefined;
  const say = (text: string): void => void open?.write(text);
  const { url, got } = await scripted((one, response) => {
    if (one.method === "GET") {
      open = response;
      response.writeHead(200, { "content-type": "text/event-stream" });
      say(`event: endpoint\ndata: ${endpoint}\n\n`);
    } else if (one.path === "/mcp") response.writeHead(405).end();
    else {
      response.writeHead(202).end("Accepted");
      // The proxy sends JSON objects.
      const message = JSON.parse(one.body) as { id?: number; method?: string };
      const result = answer(message);
      if (result !== undefined)
        say(`event: message\ndata: ${JSON.stringify({ jsonrpc: "2.0", id: message.id, result })}\n\n`);
    }
  });
  return { url, got, say, cut: () => void open?.destroy() };
}
