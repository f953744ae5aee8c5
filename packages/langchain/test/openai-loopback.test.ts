import { createServer, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";

import { rule, type Policy } from "@agentplane/core";
import { ChatOpenAI } from "@langchain/openai";
import { createAgent } from "langchain";
import { afterEach, beforeEach, describe, expect, it } from "vitest";

import { govern } from "../src/index.ts";
import { countingTool, planeOf } from "./governed-agent.ts";

const REDACT: Policy = {
  id: "r",
  blocking: [rule.redact({ detect: ["email"], from: ["response", "prompt"] })],
};
const BUDGET: Policy = { id: "b", blocking: [rule.tokenBudget({ maxTokens: 10_000, window: "1h" })] };

/** Streams one answer in the way of OpenAI's chat completions; the address is split over two chunks. */
function answer(response: ServerResponse): void {
  const base = { id: "chatcmpl-1", object: "chat.completion.chunk", created: 1, model: "gpt-test" };
  response.writeHead(200, { "content-type": "text/event-stream" });
  const pieces = ["mail bob@exa", "mple.com ", "now"];
  const chunks = [
    ...pieces.map((content) => ({ ...base, choices: [{ index: 0, delta: { role: "assistant", content } }] })),
    { ...base, choices: [{ index: 0, delta: {}, finish_reason: "stop" }] },
    { ...base, choices: [], usage: { prompt_tokens: 20, completion_tokens: 9, total_tokens: 29 } },
  ];
  for (const chunk of chunks) response.write(`data: ${JSON.stringify(chunk)}\n\n`);
  response.end("data: [DONE]\n\n");
}

describe("a real ChatOpenAI against a loopback server", () => {
  const requests: string[] = [];
  let server: Server;
  let model: ChatOpenAI;

  beforeEach(async () => {
    requests.length = 0;
    server = createServer((request, response) => {
      let body = "";
      request.on("data", (part) => (body += String(part)));
      request.on("end", () => {
        requests.push(body);
        answer(response);
      });
    });
    await new Promise<void>((listening) => void server.listen(0, "127.0.0.1", listening));
    // A TCP server has an address with a port.
    const { port } = server.address() as AddressInfo;
    model = new ChatOpenAI({
      model: "gpt-test",
      apiKey: "none",
      maxRetries: 0,
      maxTokens: 50,
      configuration: { baseURL: `http://127.0.0.1:${port}/v1` },
    });
  });

  afterEach(() => {
    server.closeAllConnections();
    server.close();
  });

  it("gets a redacted prompt and only the tools it may see, and streams nothing unredacted", async () => {
    const deny: Policy = { id: "d", blocking: [rule.denylist({ tools: ["wipe"] })] };
    const tools = [countingTool("read").tool, countingTool("wipe").tool];
    const agent = createAgent(govern(planeOf([REDACT, deny]), { agent: "a" }, { model, tools }));
    const shown: unknown[] = [];
    const input = { messages: [{ role: "user", content: "I am ann@example.com" }] };
    for await (const [mode, part] of await agent.stream(input, { streamMode: ["messages", "updates"] }))
      shown.push([mode, part]);
    expect(requests).toHaveLength(1);
    expect(requests[0]).not.toContain("ann@example.com");
    expect(requests[0]).toContain('"read"');
    expect(requests[0]).not.toContain('"wipe"');
    expect(JSON.stringify(shown)).toContain(" now");
    expect(JSON.stringify(shown)).not.toMatch(/bob@exa|mple\.com/);
  });

  it("is charged what the stream reports at its end", async () => {
    const plane = planeOf([BUDGET]);
    const agent = createAgent(govern(plane, { agent: "a" }, { model, tools: [] }));
    const input = { messages: [{ role: "user", content: "go" }] };
    for await (const part of await agent.stream(input, { streamMode: "messages" }))
      expect(part).toBeDefined();
    const [state] = await plane.limits.read({ policyId: "b", ruleId: "tokenBudget", agent: "a" });
    expect(state).toMatchObject({ used: 29, held: 0 });
  });
});
