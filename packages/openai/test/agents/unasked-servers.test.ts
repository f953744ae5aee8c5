import { rule, type PlaneOptions, type Policy } from "@agentplane/core";
import { Agent, hostedMcpTool, RunState } from "@openai/agents";
import { describe, expect, test } from "vitest";

import { approvalIdOf, govern } from "../../src/agents.ts";
import { IDENTITY, planeOf, runner } from "./agent-script.ts";
import { McpProvider } from "./mcp-provider.ts";

const ALL: Policy = {
  id: "pay-little",
  blocking: [
    rule.condition({
      id: "pay",
      where: { all: [{ tool: "shop/pay" }, { input: { amount: { gt: 9 } } }] },
      then: "block",
    }),
  ],
};
const ASK_PAY: Policy = {
  id: "ask-pay",
  selector: { tools: ["shop/pay"] },
  blocking: [rule.condition({ where: { tool: "shop/pay" }, then: "escalate" })],
  escalation: [{ trigger: "condition", after: 1, within: "1h", action: { hitl: { timeout: "5m" } } }],
};

type Server = Partial<Parameters<typeof hostedMcpTool>[0]>;

/** An agent with a remote MCP server that runs calls without asking. */
function setUp(provider: McpProvider, options: PlaneOptions, server: Server = {}) {
  const plane = planeOf(options);
  const shop = hostedMcpTool({ serverLabel: "shop", serverUrl: "http://shop", ...server } as Parameters<
    typeof hostedMcpTool
  >[0]);
  const agentOf = () =>
    govern(plane, IDENTITY, new Agent({ name: "ops", model: provider.model, tools: [shop] }));
  return { plane, agent: agentOf(), agentOf };
}

async function run(agent: Agent, stream: boolean) {
  if (!stream) return runner.run(agent, "go");
  const result = await runner.run(agent, "go", { stream: true });
  await result.completed;
  return result;
}

describe.each([false, true])("a remote MCP server that needs no approval (stream: %s)", (stream) => {
  test("is decided call by call where a policy concerns it, and nobody is asked", async () => {
    const provider = new McpProvider(["pay", { amount: 5 }], ["pay", { amount: 10 }]);
    const { plane, agent } = setUp(provider, { policies: [ALL] });
    const result = await run(agent, stream);
    expect(result.interruptions).toStrictEqual([]);
    expect(result.finalOutput).toBe("done");
    expect(provider.ran).toStrictEqual(["pay"]);
    expect(provider.answers.map(({ approve }) => approve)).toStrictEqual([true, false]);
    expect(provider.answers[1]?.reason).toMatch(/^Error: /);
    await plane.close();
  });

  test("pauses natively where a human is needed, and runs the call once", async () => {
    const provider = new McpProvider(["pay", { amount: 5 }]);
    const { plane, agent, agentOf } = setUp(provider, { policies: [ASK_PAY] });
    const paused = await run(agent, stream);
    const [item] = paused.interruptions;
    expect(plane.approvals.get(approvalIdOf(item!) ?? "")).toMatchObject({ status: "pending" });
    expect(provider.ran).toStrictEqual([]);
    paused.state.approve(item!);
    const saved = paused.state.toString();
    for (let time = 0; time < 2; time++) {
      const anew = agentOf();
      // oxlint-disable-next-line no-await-in-loop -- one resume after the other is what is tested
      await runner.run(anew, await RunState.fromString(anew, saved));
      // oxlint-disable-next-line no-await-in-loop
      expect(provider.answers.map(({ approve }) => approve)).toStrictEqual([time === 0]);
    }
    await plane.close();
  });

  test("runs as before what no policy concerns", async () => {
    const provider = new McpProvider(["pay", { amount: 10 }]);
    const { plane, agent } = setUp(provider, {});
    await run(agent, stream);
    expect(provider.ran).toStrictEqual(["pay"]);
    expect(provider.bodies).toHaveLength(2);
    expect(provider.tools[0]?.require_approval).toBe("never");
    await plane.close();
  });

  test("asks for the named tools that a policy concerns, and no others", async () => {
    const provider = new McpProvider(["find", {}], ["pay", { amount: 5 }]);
    const { plane, agent } = setUp(provider, { policies: [ASK_PAY] }, { allowedTools: ["find", "pay"] });
    const { interruptions } = await run(agent, stream);
    expect(provider.ran).toStrictEqual(["find"]);
    expect(interruptions.map(({ name }) => name)).toStrictEqual(["pay"]);
    await plane.close();
  });

  test("asks where the policy concerns one tool, and the agent names none", async () => {
    const provider = new McpProvider(["find", {}], ["pay", { amount: 5 }]);
    const { plane, agent } = setUp(provider, { policies: [ASK_PAY] });
    const { interruptions } = await run(agent, stream);
    expect(provider.ran).toStrictEqual(["find"]);
    expect(interruptions.map(({ name }) => name)).toStrictEqual(["pay"]);
    await plane.close();
  });
});

describe("a remote MCP server", () => {
  test.each([{ previousResponseId: "resp9" }, { conversationId: "conv9" }])(
    "is answered where the provider keeps the conversation, too: %o",
    async (kept) => {
      const provider = new McpProvider(["pay", { amount: 5 }], ["pay", { amount: 10 }]);
      const { plane, agent } = setUp(provider, { policies: [ALL] });
      const result = await runner.run(agent, "go", kept);
      expect(result.finalOutput).toBe("done");
      expect(provider.ran).toStrictEqual(["pay"]);
      await plane.close();
    },
  );

  test("whose arguments were redacted for the agent runs what it asked for, and nothing else", async () => {
    const input = { to: "mira@example.com" };
    const provider = new McpProvider(["pay", input]);
    const { plane, agent } = setUp(provider, {
      policies: [{ id: "r", blocking: [rule.redact({ detect: ["email"] })] }],
    });
    const { history } = await runner.run(agent, "go");
    expect(JSON.stringify(history)).not.toContain("mira");
    expect(provider.ran).toStrictEqual(["pay"]);
    expect(provider.answers.map(({ approve }) => approve)).toStrictEqual([true]);
    // A provider that keeps nothing runs the call as the request says it.
    const { input: sent = [] } = provider.bodies.at(-1) ?? {};
    expect(sent).toContainEqual(
      expect.objectContaining({
        type: "mcp_approval_request",
        name: "pay",
        arguments: JSON.stringify(input),
      }),
    );
    await plane.close();
  });

  test("is not answered with yes where a policy lets a call run with other arguments alone", async () => {
    const provider = new McpProvider(["pay", { to: "mira@example.com" }]);
    const { plane, agent } = setUp(provider, {
      policies: [{ id: "r", blocking: [rule.redact({ detect: ["email"], from: ["input"] })] }],
    });
    await runner.run(agent, "go");
    expect(provider.ran).toStrictEqual([]);
    expect(provider.answers).toMatchObject([
      { approve: false, reason: expect.stringContaining("other arguments") },
    ]);
    await plane.close();
  });

  test("still asks the application for what it said must be asked", async () => {
    const provider = new McpProvider(["pay", { amount: 5 }], ["find", {}]);
    const { plane, agent } = setUp(
      provider,
      { policies: [ALL] },
      { requireApproval: { always: { toolNames: ["pay"] }, never: { toolNames: ["find"] } } },
    );
    const paused = await runner.run(agent, "go");
    expect(paused.interruptions.map(({ name }) => name)).toStrictEqual(["pay"]);
    paused.state.approve(paused.interruptions[0]!);
    const result = await runner.run(agent, paused.state);
    expect(result.finalOutput).toBe("done");
    expect(provider.ran).toStrictEqual(["pay", "find"]);
    await plane.close();
  });

  test("that was killed after the yes was decided runs nothing", async () => {
    const provider = new McpProvider(["pay", { amount: 5 }]);
    const { plane, agent } = setUp(provider, { policies: [ALL] });
    await runner.run(agent, "go", {
      async callModelInputFilter({ modelData }) {
        if (provider.bodies.length === 1)
          await plane.controls.unplug({ kind: "tool", id: "pay" }, { reason: "stop", by: "olga" });
        return modelData;
      },
    });
    expect(provider.answers.map(({ approve }) => approve)).toStrictEqual([false]);
    expect(provider.ran).toStrictEqual([]);
    await plane.close();
  });

  test("that a search for tools has found asks too, and lacks what is forbidden", async () => {
    const provider = new McpProvider();
    const plane = planeOf({
      policies: [ASK_PAY, { id: "no", blocking: [rule.denylist({ tools: ["wipe"] })] }],
    });
    const agent = govern(plane, IDENTITY, new Agent({ name: "ops", model: provider.model }));
    const tools = [
      { type: "mcp", server_label: "shop", allowed_tools: ["pay", "wipe"], require_approval: "never" },
    ];
    await runner.run(agent, [
      { role: "user", content: "go" },
      { type: "tool_search_call", call_id: "s1", execution: "client", status: "completed", arguments: {} },
      { type: "tool_search_output", call_id: "s1", execution: "client", status: "completed", tools },
    ]);
    expect(JSON.stringify(provider.bodies[0]?.input)).toContain(
      '"allowed_tools":["pay"],"require_approval":"always"',
    );
    await plane.close();
  });
});
