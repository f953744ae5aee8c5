import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";

/** A provider on the loopback interface that answers every request with the same events. */
export interface ProviderServer {
  readonly url: string;
  /** The bodies it was sent. */
  readonly requests: Readonly<Record<string, unknown>>[];
  close(): void;
}

/** One event of a stream; `name` where the protocol names its events. */
export interface ServerEvent {
  readonly name?: string;
  readonly data: unknown;
}

/**
 * Starts a provider.
 * @param events What it streams, or what gives that for each request.
 */
export async function startProvider(
  events: readonly ServerEvent[] | (() => readonly ServerEvent[]),
): Promise<ProviderServer> {
  const requests: Record<string, unknown>[] = [];
  const server: Server = createServer((request, response) => {
    let body = "";
    request.on("data", (part) => (body += String(part)));
    request.on("end", () => {
      // The SDKs send objects.
      requests.push(JSON.parse(body) as Record<string, unknown>);
      response.writeHead(200, { "content-type": "text/event-stream" });
      for (const { name, data } of typeof events === "function" ? events() : events) {
        if (name !== undefined) response.write(`event: ${name}\n`);
        response.write(`data: ${typeof data === "string" ? data : JSON.stringify(data)}\n\n`);
      }
      response.end();
    });
  });
  await new Promise<void>((listening) => void server.listen(0, "127.0.0.1", listening));
  // A TCP server has an address with a port.
  const { port } = server.address() as AddressInfo;
  return {
    url: `http://127.0.0.1:${port}`,
    requests,
    close() {
      server.closeAllConnections();
      server.close();
    },
  };
}

/** An answer in the way of OpenAI's chat completions, one chunk for each piece. */
export function completionEvents(...pieces: readonly string[]): readonly ServerEvent[] {
  const base = { id: "chatcmpl-1", object: "chat.completion.chunk", created: 1, model: "gpt-test" };
  return [
    ...pieces.map((content) => ({ ...base, choices: [{ index: 0, delta: { role: "assistant", content } }] })),
    { ...base, choices: [{ index: 0, delta: {}, finish_reason: "stop" }] },
    { ...base, choices: [], usage: { prompt_tokens: 20, completion_tokens: 9, total_tokens: 29 } },
    "[DONE]",
  ].map((data) => ({ data }));
}

/** An answer in the way of OpenAI's responses. */
export function responseEvents(...pieces: readonly string[]): readonly ServerEvent[] {
  const text = pieces.join("");
  const part = { type: "output_text", text, annotations: [] };
  const item = { id: "msg_1", type: "message", role: "assistant", status: "completed", content: [part] };
  const usage = {
    input_tokens: 20,
    output_tokens: 9,
    total_tokens: 29,
    input_tokens_details: { cached_tokens: 0 },
    output_tokens_details: { reasoning_tokens: 0 },
  };
  const response = { id: "resp_1", object: "response", created_at: 1, model: "gpt-test", output: [] };
  const at = { output_index: 0, content_index: 0, item_id: "msg_1" };
  const events = [
    { type: "response.created", response: { ...response, status: "in_progress" } },
    {
      type: "response.output_item.added",
      output_index: 0,
      item: { ...item, status: "in_progress", content: [] },
    },
    { type: "response.content_part.added", ...at, part: { ...part, text: "" } },
    ...pieces.map((delta) => ({ type: "response.output_text.delta", ...at, delta })),
    { type: "response.output_text.done", ...at, text },
    { type: "response.content_part.done", ...at, part },
    { type: "response.output_item.done", output_index: 0, item },
    { type: "response.completed", response: { ...response, status: "completed", output: [item], usage } },
  ];
  return events.map((data, sequence_number) => ({ name: data.type, data: { ...data, sequence_number } }));
}

/** An answer in the way of Anthropic's messages; usage comes in two parts. */
export function messageEvents(...pieces: readonly string[]): readonly ServerEvent[] {
  const message = { id: "msg_1", type: "message", role: "assistant", model: "claude-test", content: [] };
  const events = [
    {
      type: "message_start",
      message: { ...message, stop_reason: null, usage: { input_tokens: 20, output_tokens: 0 } },
    },
    { type: "content_block_start", index: 0, content_block: { type: "text", text: "" } },
    ...pieces.map((text) => ({ type: "content_block_delta", index: 0, delta: { type: "text_delta", text } })),
    { type: "content_block_stop", index: 0 },
    { type: "message_delta", delta: { stop_reason: "end_turn" }, usage: { output_tokens: 9 } },
    { type: "message_stop" },
  ];
  return events.map((data) => ({ name: data.type, data }));
}
