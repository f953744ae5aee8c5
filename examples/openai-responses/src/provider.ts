import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";

/** What the model does, turn by turn: a large refund first, then a small one, then an answer. */
const TURNS: readonly object[] = [
  {
    type: "function_call",
    id: "f1",
    call_id: "c1",
    name: "refund",
    arguments: '{"order":"A-17","amount":900}',
  },
  {
    type: "function_call",
    id: "f2",
    call_id: "c2",
    name: "refund",
    arguments: '{"order":"A-17","amount":40}',
  },
  {
    type: "message",
    id: "m1",
    role: "assistant",
    status: "completed",
    content: [{ type: "output_text", text: "Mira was refunded 40.", annotations: [] }],
  },
];

/** A provider on this machine that speaks the Responses API, so that the example needs no key. */
export async function startProvider(): Promise<{ readonly baseURL: string; close(): void }> {
  let turn = 0;
  const server: Server = createServer((request, response) => {
    let body = "";
    request.on("data", (chunk: Buffer) => (body += chunk.toString("utf8")));
    request.on("end", () => {
      if (turn === 0) console.log(`sent to the provider: ${JSON.parse(body).input[0].content}`);
      const output = [TURNS[turn++ % TURNS.length]];
      response.writeHead(200, { "content-type": "application/json" });
      const usage = { input_tokens: 40, output_tokens: 12, total_tokens: 52 };
      response.end(
        JSON.stringify({ id: `r${turn}`, object: "response", status: "completed", output, usage }),
      );
    });
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  // A server that listens on TCP has an address of this kind.
  const { port } = server.address() as AddressInfo;
  return {
    baseURL: `http://127.0.0.1:${port}/v1`,
    close: () => server.closeAllConnections() ?? server.close(),
  };
}
