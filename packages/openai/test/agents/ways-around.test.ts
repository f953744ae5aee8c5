import { createAgentPlane, rule, type PlaneOptions, type Policy } from "@agentplane/core";
import {
  Agent,
  attachClientToolSearchExecutor,
  hostedMcpTool,
  setTracingDisabled,
  tool,
  toolNamespace,
  toolSearchTool,
  Usage,
  type AgentOutputItem,
  type MCPServer,
} from "@openai/agents";
import { assistantMessage, functionCall, ScriptedModel } from "@openai/agents-core/testing";
import { SandboxAgent } from "@openai/agents-core/sandbox";
import { describe, expect, test } from "vitest";

import { govern, GovernedRunner } from "../../src/agents.ts";

setTracingDisabled(true);

const IDENTITY = { tenant: "acme", session: "s1" };
const runner = new GovernedRunner();

function planeOf(options: PlaneOptions = {}) {
  return createAgentPlane(options);
}

function denied(...tools: string[]): Policy {
  return {
    id: "no",
    selector: { hookpoints: ["before_tool_call"] },
    blocking: [rule.denylist({ tools })],
  };
}

function scripted(...turns: readonly (readonly AgentOutputItem[])[]): ScriptedModel {
  return new ScriptedModel(turns.map((output) => ({ output: [...output], usage: new Usage() })));
}

const done = [assistantMessage("done")];

function noted(name: string, ran: unknown[]) {
  return tool({
    name,
    description: "Does it.",
    strict: false,
    parameters: { type: "object", properties: {}, required: [], additionalProperties: true },
    execute: (input: unknown) => (ran.push(input), "ok"),
  });
}

describe("tools", () => {
  test("that a search finds while the agent runs are governed", async () => {
    const plane = planeOf({ policies: [denied("wipe")] });
    const ran: unknown[] = [];
    const wipe = noted("wipe", ran);
    Object.assign(wipe, { deferLoading: true });
    const search = attachClientToolSearchExecutor(toolSearchTool({ execution: "client" }), () => [wipe]);
    const model = scripted(
      [
        {
          type: "tool_search_call",
          id: "t1",
          status: "completed",
          arguments: { paths: ["wipe"] },
          providerData: { execution: "client", call_id: "t1" },
        },
      ],
      [functionCall("wipe", {}, { callId: "c1" })],
      done,
    );
    const agent = govern(plane, IDENTITY, new Agent({ name: "ops", model, tools: [search] }));
    const result = await runner.run(agent, "go");
    expect(model.calls).toHaveLength(3);
    expect(ran).toHaveLength(0);
    expect(JSON.stringify(result.history)).toContain("Error: ");
    await plane.close();
  });

  test("of a namespace are governed", async () => {
    const plane = planeOf({ policies: [denied("wipe")] });
    const ran: unknown[] = [];
    const tools = toolNamespace({
      name: "crm",
      description: "Customers.",
      tools: [noted("wipe", ran), noted("find", ran)],
    });
    const calls = ["wipe", "find"].map((name) => ({
      ...functionCall(name, {}, { callId: `c-${name}` }),
      namespace: "crm",
    }));
    const agent = govern(plane, IDENTITY, new Agent({ name: "ops", model: scripted(calls, done), tools }));
    await runner.run(agent, "go");
    expect(ran).toHaveLength(1);
    await plane.close();
  });

  function serverOf(name: string, tools: readonly string[], called: string[]): MCPServer {
    return {
      name,
      cacheToolsList: false,
      connect: async () => undefined,
      close: async () => undefined,
      invalidateToolsCache: async () => undefined,
      listTools: async () =>
        tools.map((one) => ({
          name: one,
          inputSchema: { type: "object", properties: {}, required: [], additionalProperties: true },
        })),
      callTool: async (one) => (called.push(`${name}/${one}`), [{ type: "text", text: "ok" }]),
    };
  }

  test.each([
    ["by server and name", "shop/wipe", false],
    ["by its own name, whatever the model calls it", "wipe", true],
    ["by server and name, whatever the model calls it", "shop/wipe", true],
  ])("of MCP servers are denied %s", async (_name, pattern, includeServerInToolNames) => {
    const plane = planeOf({ policies: [denied(pattern)] });
    const called: string[] = [];
    const mcpServers = [serverOf("desk", ["find"], called), serverOf("shop", ["list", "wipe"], called)];
    const names = includeServerInToolNames
      ? ["mcp_shop__wipe", "mcp_shop__list", "mcp_desk__find"]
      : ["wipe", "list", "find"];
    const calls = names.map((name) => functionCall(name, {}, { callId: `c-${name}` }));
    const agent = govern(
      plane,
      IDENTITY,
      new Agent({
        name: "ops",
        model: scripted(calls, done),
        mcpServers,
        mcpConfig: { includeServerInToolNames },
      }),
    );
    await runner.run(agent, "go", { toolNotFoundBehavior: "return_error_to_model" });
    expect(called.toSorted()).toStrictEqual(["desk/find", "shop/list"]);
    await plane.close();
  });

  test("of MCP servers whose names are the same are refused: nobody could tell them apart", async () => {
    const plane = planeOf();
    const mcpServers = [serverOf("a", ["find"], []), serverOf("b", ["find"], [])];
    const agent = govern(plane, IDENTITY, new Agent({ name: "ops", model: scripted(done), mcpServers }));
    await expect(runner.run(agent, "go")).rejects.toThrow(/cannot be told apart/);
    await plane.close();
  });
});

describe("a call on a remote MCP server that asks for an approval", () => {
  const request = {
    type: "hosted_tool_call" as const,
    id: "r1",
    name: "mcp_approval_request",
    status: "completed" as const,
    providerData: {
      type: "mcp_approval_request",
      id: "r1",
      name: "wipe",
      server_label: "shop",
      arguments: "{}",
    },
  };
  test.each([
    [false, true],
    [true, true],
    [false, false],
    [true, false],
  ])(
    "is told no, with the reason, and nobody is asked when it is denied (stream: %s, approved by a callback: %s)",
    async (stream, hasCallback) => {
      const plane = planeOf({ policies: [denied("shop/wipe")] });
      let approved = 0;
      const onApproval = async () => (approved++, { approve: true });
      const hosted = hostedMcpTool({
        serverLabel: "shop",
        serverUrl: "http://localhost",
        requireApproval: "always",
        ...(hasCallback && { onApproval }),
      });
      const model = scripted([request], done);
      const agent = govern(plane, IDENTITY, new Agent({ name: "ops", model, tools: [hosted] }));
      const running = async (): Promise<void> => {
        if (!stream) return void (await runner.run(agent, "go"));
        await (
          await runner.run(agent, "go", { stream: true })
        ).completed;
      };
      await running();
      expect(approved).toBe(0);
      expect(JSON.stringify(model.calls[1]?.request.input)).toContain(
        '{"approve":false,"approval_request_id":"r1","reason":"Error: ',
      );
      await plane.close();
    },
  );

  test("goes on when it is allowed", async () => {
    const plane = planeOf({ policies: [denied("shop/other")] });
    const hosted = hostedMcpTool({
      serverLabel: "shop",
      serverUrl: "http://localhost",
      requireApproval: "always",
      onApproval: async () => ({ approve: true }),
    });
    const model = scripted([request], done);
    const agent = govern(plane, IDENTITY, new Agent({ name: "ops", model, tools: [hosted] }));
    expect((await runner.run(agent, "go")).finalOutput).toBe("done");
    await plane.close();
  });
});

describe("what is set aside of the agent's own members", () => {
  test.each([
    ["tools", { tools: [{ type: "web_search" }] }],
    ["max_output_tokens", { extra_body: { max_output_tokens: 9 } }],
    ["input", { extraBody: { input: "else" } }],
    ["n", { n: 9 }],
    ["web_search_options", { extra_body: { web_search_options: {} } }],
    ["previous_response_id", { previous_response_id: "resp_1" }],
  ])("may not replace what was decided: %s", async (member, providerData) => {
    const plane = planeOf();
    const model = scripted(done);
    const agent = govern(plane, IDENTITY, new Agent({ name: "ops", model, modelSettings: { providerData } }));
    await expect(runner.run(agent, "go")).rejects.toThrow(member);
    expect(model.calls).toHaveLength(0);
    await plane.close();
  });

  test("a model, a handoff or tools of another kind that are set later are an error, not a way around", () => {
    const plane = planeOf();
    const agent = govern(plane, IDENTITY, new Agent({ name: "ops", model: scripted(done) }));
    expect(() => (agent.model = "gpt-other")).toThrow(TypeError);
    expect(() => agent.handoffs.push(new Agent({ name: "other" }))).toThrow(TypeError);
    expect(() => (agent.handoffs = [new Agent({ name: "other" })])).toThrow(TypeError);
    expect(() => (agent.getAllTools = async () => [])).toThrow(TypeError);
  });

  test("an agent that runs in a sandbox is refused: it makes clones that nobody governs", () => {
    const plane = planeOf();
    expect(() => govern(plane, IDENTITY, new SandboxAgent({ name: "box" }))).toThrow(/sandbox/);
  });
});
