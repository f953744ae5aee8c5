import { rule, type Policy } from "@agentplane/core";
import { Agent, type MCPServer, type RunState } from "@openai/agents";
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

/** What an effect comes to: what ran at first and after a human said yes, and what the model read of it. */
const EXPECTED = {
  allow: { ran: 1, asked: 0, inTheEnd: 1, read: "paid" },
  shadow: { ran: 1, asked: 0, inTheEnd: 1, read: "paid" },
  block: { ran: 0, asked: 0, inTheEnd: 0, read: "must not be used" },
  ask: { ran: 0, asked: 1, inTheEnd: 1, read: "paid" },
} as const;

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
    const run = async (input: string | RunState<unknown, typeof agent>) => {
      if (!stream) return runner.run(agent, input);
      const streamed = await runner.run(agent, input, { stream: true });
      await streamed.completed;
      return streamed;
    };
    const first = await run("go");
    const [ran, asked] = [seen.length, first.interruptions.length];
    for (const item of first.interruptions) first.state.approve(item);
    const last = asked === 0 ? first : await run(first.state);
    const read = last.history.find(({ type }) => type === "function_call_result");
    expect({ ran, asked, inTheEnd: seen.length, read: JSON.stringify(read) }).toStrictEqual({
      ...EXPECTED[effect],
      read: expect.stringContaining(EXPECTED[effect].read),
    });
    expect(seen).toStrictEqual(Array.from(seen, () => ({ amount: 5 })));
    expect(last.finalOutput).toBe("done");
    await plane.close();
  });
});
