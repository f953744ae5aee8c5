import { createMCPClient } from "@ai-sdk/mcp";
import { rule } from "@agentplane/core";
import { generateText, stepCountIs } from "ai";
import { afterEach, beforeEach, describe, expect, it } from "vitest";

import { govern, guardTools } from "../src/index.ts";
import { startLoopback, type Loopback } from "./loopback.ts";
import { EMAIL, NO_EMAILS, planeOf, WHO } from "./planes.ts";
import { ScriptedModel } from "./scripted-model.ts";

const TOOL = {
  description: "Does it.",
  inputSchema: { type: "object", properties: { id: { type: "string" } } },
};
const RESULTS: Readonly<Record<string, unknown>> = {
  initialize: {
    protocolVersion: "2025-06-18",
    capabilities: { tools: {} },
    serverInfo: { name: "shop", version: "1" },
  },
  "tools/list": {
    tools: [
      { name: "read", ...TOOL },
      { name: "wipe", ...TOOL },
    ],
  },
  "tools/call": { content: [{ type: "text", text: `belongs to ${EMAIL}` }] },
};

describe("tools of an MCP server", () => {
  const called: string[] = [];
  let server: Loopback;
  let client: Awaited<ReturnType<typeof createMCPClient>>;

  beforeEach(async () => {
    called.length = 0;
    server = await startLoopback((request, response, body) => {
      if (request.method !== "POST") return response.writeHead(405).end();
      const { id, method, params } = JSON.parse(body) as {
        id?: number;
        method: string;
        params?: { name?: string };
      };
      if (id === undefined) return response.writeHead(202).end();
      if (method === "tools/call") called.push(params?.name ?? "");
      const result = RESULTS[method];
      const answer =
        result === undefined ? { error: { code: -32_601, message: "no such method" } } : { result };
      response.writeHead(200, { "content-type": "application/json" });
      return response.end(JSON.stringify({ jsonrpc: "2.0", id, ...answer }));
    });
    client = await createMCPClient({ transport: { type: "http", url: `${server.url}/mcp` } });
  });
  afterEach(async () => {
    await client.close();
    await server.close();
  });

  it("are decided, executed and redacted like any, and known by the server's name too", async () => {
    const plane = planeOf([NO_EMAILS, { id: "d", blocking: [rule.denylist({ tools: ["shop/wipe"] })] }]);
    // Whose tools they are stays known when they are guarded for somebody else.
    const tools = guardTools(plane, { agent: "app" }, await client.tools(), { server: "shop" });
    const model = new ScriptedModel([
      {
        calls: [
          { name: "read", input: { id: "1" } },
          { name: "wipe", input: { id: "1" } },
        ],
      },
      { text: "done" },
    ]);
    const result = await generateText(
      govern(plane, WHO, { model, tools, prompt: "go", stopWhen: stepCountIs(3) }),
    );
    expect(model.offered[0]).toEqual(["read"]);
    expect(called).toEqual(["read"]);
    expect(model.told).toContain("belongs to");
    expect(JSON.stringify([model.told, result.steps])).not.toContain(EMAIL);
  });
});
