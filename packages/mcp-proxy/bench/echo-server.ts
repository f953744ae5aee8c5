import http from "node:http";
import type { AddressInfo } from "node:net";
import { createInterface } from "node:readline";

/** A server that does nothing but answer, so that what is measured is the way. `http` as an argument: over HTTP. */
function answerTo(line: string): string | undefined {
  // The bench sends JSON-RPC requests and nothing else.
  const { id, method, params } = JSON.parse(line) as {
    id?: number;
    method: string;
    params?: { arguments?: unknown };
  };
  if (id === undefined) return undefined;
  const result =
    method === "initialize"
      ? {
          protocolVersion: "2025-11-25",
          capabilities: { tools: {} },
          serverInfo: { name: "echo", version: "1" },
        }
      : { content: [{ type: "text", text: JSON.stringify(params?.arguments) }] };
  return JSON.stringify({ jsonrpc: "2.0", id, result });
}

function serveHttp(): void {
  const server = http.createServer((request, response) => {
    let body = "";
    request.setEncoding("utf8");
    request.on("data", (part: string) => (body += part));
    request.on("end", () => {
      const answer = answerTo(body);
      if (answer === undefined) return void response.writeHead(202).end();
      const headers = { "content-type": "application/json", "mcp-session-id": "bench" };
      return void response.writeHead(200, headers).end(answer);
    });
  });
  server.listen(0, "127.0.0.1", () => {
    // A server that listens at a host has an address with a port.
    const { port } = server.address() as AddressInfo;
    process.stderr.write(`listening at http://127.0.0.1:${port}/mcp\n`);
  });
}

if (process.argv[2] === "http") serveHttp();
else
  createInterface({ input: process.stdin }).on("line", (line) => {
    const answer = answerTo(line);
    if (answer !== undefined) process.stdout.write(`${answer}\n`);
  });
