import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";

import type { ScriptAgent, ScriptTurn, SeenModelCall } from "@agentplane/core/testing";

import { data } from "./replies.ts";

/** What a scripted provider tells of each request that reached it. */
export type Reached = (seen: SeenModelCall, messages: readonly Record<string, unknown>[]) => void;

/** A provider that plays the turns of a conformance script over the chat completions API. */
export class ScriptedProvider {
  readonly #server: Server;
  readonly #script: ScriptAgent;
  readonly #reached: Reached;
  #turn = 0;

  private constructor(server: Server, script: ScriptAgent, reached: Reached) {
    this.#server = server;
    this.#script = script;
    this.#reached = reached;
  }

  static async start(script: ScriptAgent, reached: Reached): Promise<ScriptedProvider> {
    const server = createServer();
    const provider = new ScriptedProvider(server, script, reached);
    server.on("request", (request, response) => {
      provider.#answer(request, response).catch(() => response.destroy());
    });
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    return provider;
  }

  get url(): string {
    // A server that listens on TCP has an address of this kind.
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}/v1`;
  }

  async close(): Promise<void> {
    this.#server.closeAllConnections();
    await new Promise((resolve) => this.#server.close(resolve));
  }

  async #answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const chunks: Uint8Array[] = [];
    for await (const chunk of request) chunks.push(chunk);
    const body = JSON.parse(Buffer.concat(chunks).toString("utf8"));
    const {
      messages,
      tools = [],
      stream = false,
      max_completion_tokens: limit,
      stream_options: options,
    } = body;
    this.#reached(
      {
        agent: this.#script.agent,
        prompt: JSON.stringify(messages),
        offered: tools.map((tool: { function: { name: string } }) => tool.function.name),
        ...(typeof limit === "number" && { maxOutputTokens: limit }),
      },
      messages,
    );
    const turn = this.#script.turns[this.#turn++] ?? { text: ["done"] };
    if (stream === true) return this.#stream(turn, response, options?.include_usage === true);
    let content = "";
    for await (const piece of pieces(turn)) content += piece;
    response.writeHead(200, { "content-type": "application/json" });
    const message = { role: "assistant", content, refusal: null, ...callsOf(turn) };
    const choice = {
      index: 0,
      message,
      logprobs: null,
      finish_reason: turn.calls === undefined ? "stop" : "tool_calls",
    };
    response.end(JSON.stringify({ ...BASE, object: "chat.completion", choices: [choice], ...usageOf(turn) }));
  }

  async #stream(turn: ScriptTurn, response: ServerResponse, isUsageAsked: boolean): Promise<void> {
    response.writeHead(200, { "content-type": "text/event-stream" });
    response.flushHeaders();
    const chunk = (delta: object, finish_reason: string | null = null): void =>
      void response.write(data({ ...BASE, choices: [{ index: 0, delta, finish_reason }] }));
    chunk({ role: "assistant", content: "" });
    for await (const content of pieces(turn)) {
      if (response.destroyed) return;
      chunk({ content });
      // What a script does before the next piece comes after this one was read at the other end of the connection.
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
    for (const [index, call] of (callsOf(turn).tool_calls ?? []).entries())
      chunk({ tool_calls: [{ index, ...call }] });
    chunk({}, turn.calls === undefined ? "stop" : "tool_calls");
    if (isUsageAsked && turn.usage !== undefined)
      response.write(data({ ...BASE, choices: [], ...usageOf(turn) }));
    response.end("data: [DONE]\n\n");
  }
}

const BASE = { id: "chat_1", object: "chat.completion.chunk", created: 1, model: "script-1" };

async function* pieces({ text = [], beforePiece }: ScriptTurn): AsyncGenerator<string> {
  if (text.length === 0) await beforePiece?.(0);
  for (const [position, piece] of text.entries()) {
    // oxlint-disable-next-line no-await-in-loop -- a stream gives one piece after the other
    await beforePiece?.(position);
    yield piece;
  }
}

function callsOf({ calls }: ScriptTurn): { tool_calls?: readonly object[] } {
  if (calls === undefined) return {};
  return {
    tool_calls: calls.map(({ id, tool, input }) => ({
      id,
      type: "function",
      function: { name: tool, arguments: JSON.stringify(input) },
    })),
  };
}

function usageOf({ usage }: ScriptTurn): object {
  if (usage === undefined) return {};
  const { inputTokens = 0, outputTokens = 0 } = usage;
  return {
    usage: {
      prompt_tokens: inputTokens,
      completion_tokens: outputTokens,
      total_tokens: inputTokens + outputTokens,
    },
  };
}
