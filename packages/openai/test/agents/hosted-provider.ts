import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";

import { Agent, hostedMcpTool, OpenAIResponsesModel } from "@openai/agents";
import OpenAI from "openai";

import { govern } from "../../src/agents.ts";
import { IDENTITY, type planeOf } from "./agent-script.ts";

interface Sent {
  readonly type?: string;
  readonly approve?: boolean;
  readonly approval_request_id?: string;
}

/** The call that the remote MCP server wants to make; each question has an id of its own. */
export const PURGE = {
  type: "mcp_approval_request",
  name: "purge",
  server_label: "shop",
  arguments: '{"all":true}',
};

type OnApproval = () => Promise<{ approve: boolean }>;

/** A provider with a remote MCP server: asks for its call to be approved, and runs it when it reads a yes. */
export class HostedProvider {
  bodies: { readonly input: readonly Sent[] }[] = [];
  /** Ids of the requests whose calls ran at the provider. */
  ran: string[] = [];
  /** The calls that are asked for, turn by turn; then an answer. */
  asks: readonly string[] = ["r1"];
  /** The arguments that it asks with. */
  written = PURGE.arguments;
  readonly #server: Server;

  constructor() {
    this.#server = createServer((request, response) => this.#answer(request, response));
  }

  static async start(): Promise<HostedProvider> {
    const provider = new HostedProvider();
    await new Promise<void>((resolve) => provider.#server.listen(0, "127.0.0.1", resolve));
    return provider;
  }

  async close(): Promise<void> {
    this.#server.closeAllConnections();
    await new Promise((resolve) => this.#server.close(resolve));
  }

  /** A governed agent that has the server as a hosted tool. */
  agentOf(
    plane: ReturnType<typeof planeOf>,
    onApproval?: OnApproval,
    identity: Parameters<typeof govern>[1] = IDENTITY,
    under: (client: OpenAI) => OpenAI = (client) => client,
  ) {
    // A server that listens on TCP has an address of this kind.
    const { port } = this.#server.address() as AddressInfo;
    const client = new OpenAI({ apiKey: "test", baseURL: `http://127.0.0.1:${port}/v1`, maxRetries: 0 });
    const shop = hostedMcpTool({
      serverLabel: "shop",
      serverUrl: "http://localhost",
      requireApproval: "always",
      ...(onApproval !== undefined && { onApproval }),
    });
    return govern(
      plane,
      identity,
      new Agent({
        name: "ops",
        model: new OpenAIResponsesModel(under(client), "gpt-test"),
        tools: [shop],
      }),
    );
  }

  /** What the last request says to the server. */
  lastAnswers(): readonly (boolean | undefined)[] {
    const said = this.bodies.at(-1)?.input.filter(({ type }) => type === "mcp_approval_response") ?? [];
    return said.map(({ approve }) => approve);
  }

  #answer(request: IncomingMessage, response: ServerResponse): void {
    const chunks: Buffer[] = [];
    request.on("data", (chunk: Buffer) => chunks.push(chunk));
    request.on("end", () => {
      const body = JSON.parse(Buffer.concat(chunks).toString("utf8"));
      const at = this.bodies.push(body) - 1;
      const said: Sent[] = Array.isArray(body.input) ? body.input : [];
      const yes = said.filter(({ type, approve }) => type === "mcp_approval_response" && approve === true);
      // Each request is run once, whatever the history says again.
      const fresh = yes.flatMap(({ approval_request_id: id }) =>
        id === undefined || this.ran.includes(id) ? [] : [id],
      );
      this.ran.push(...fresh);
      const id = this.asks[at];
      const message = {
        type: "message",
        id: `m${at}`,
        role: "assistant",
        status: "completed",
        content: [{ type: "output_text", text: "done", annotations: [] }],
      };
      const usage = { input_tokens: 1, output_tokens: 1, total_tokens: 2 };
      const output = [id === undefined ? message : { ...PURGE, arguments: this.written, id }];
      const whole = { id: `resp${at}`, object: "response", status: "completed", output, usage };
      if (body.stream !== true) {
        response.setHeader("content-type", "application/json");
        response.end(JSON.stringify(whole));
        return;
      }
      response.setHeader("content-type", "text/event-stream");
      response.end(`data: ${JSON.stringify({ type: "response.completed", response: whole })}\n\n`);
    });
  }
}
