import { rule, type Policy } from "@agentplane/core";
import { Agent, type MCPServer } from "@openai/agents";
import { assistantMessage, functionCall, ScriptedModel } from "@openai/agents-core/testing";
import { describe, expect, test } from "vitest";

import { govern } from "../../src/agents.ts";
import { answer, ASK, IDENTITY, planeOf, refundTool, runner } from "./agent-script.ts";

const BLOCK: Policy = {
  id: "no",
  selector: { hookpoints: ["before_tool_call"] },
  blocking: [rule.denylist({ tools: ["refund"] })],
};

function serverOf(seen: unknown[]): MCPServer {
  return {
    name: "shop",
    cacheToolsList: false,
    connect: async () => undefined,
    close: async () => undefined,
    invalidateToolsCache: async () => undefined,
    listTools: async () => [
      {
        name: "refund",
        inputSchema: { type: "object", properties: {}, required: [], additionalProperties: true },
      },
    ],
    callTool: async (_name, input) => (seen.push(input), [{ type: "text", text: "paid" }]),
  };
}

const MATRIX = [false, true].flatMap((stream) =>
  ["static", "MCP"].flatMap((kind) =>
    (["allow", "block", "ask", "shadow"] as const).map((effect) => ({ stream, kind, effect })),
  ),
);

const POLICIES: Readonly<Record<(typeof MATRIX)[number]["effect"], readonly Policy[]>> = {
  allow: [],
  block: [BLOCK],
  ask: [ASK],
  shadow: [{ ...BLOCK, mode: "shadow" }],
};

describe("a tool call behaves the same streamed or not, of the agent's own or of an MCP server", () => {
  test.each(MATRIX)("$effect, $kind, stream: $stream", async ({ stream, kind, effect }) => {
    const plane = planeOf({ policies: POLICIES[effect] });
    const seen: unknown[] = [];
    const model = new ScriptedModel([
      answer({ output: [functionCall("refund", { amount: 5 }, { callId: "c1" })] }),
      answer({ output: [assistantMessage("done")] }),
    ]);
    const own = kind === "static" ? { tools: [refundTool(seen)] } : { mcpServers: [serverOf(seen)] };
    const agent = govern(plane, IDENTITY, new Agent({ name: "ops", model, ...own }));
    const run = async () => {
      if (!stream) return runner.run(agent, "go", { toolNotFoundBehavior: "return_error_to_model" });
      const streamed = await runner.run(agent, "go", {
        stream: true,
        toolNotFoundBehavior: "return_error_to_model",
      });
      await streamed.completed;
      return streamed;
    };
    const result = await run();
    expect(result.interruptions).toHaveLength(effect === "ask" ? 1 : 0);
    expect(seen).toStrictEqual(effect === "allow" || effect === "shadow" ? [{ amount: 5 }] : []);
    expect(result.finalOutput).toBe(effect === "ask" ? undefined : "done");
    await plane.close();
  });
});
