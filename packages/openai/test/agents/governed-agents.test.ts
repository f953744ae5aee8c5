import { PolicyBlocked, rule } from "@agentplane/core";
import { Agent, hostedMcpTool, run, Runner, RunState, webSearchTool } from "@openai/agents";
import { describe, expect, test } from "vitest";

import { govern, GovernedRunner, isGoverned } from "../../src/agents.ts";
import { STOP, ASK, planeOf, calling, refundTool, IDENTITY, runner } from "./agent-script.ts";

describe("models", () => {
  test.each([
    ["an instance of the agent's own", "own", undefined],
    ["a name, through the runner's provider", "named", undefined],
    ["the runner's model", "none", "runner"],
  ])("is gated once: %s", async (_name, kind, ofRunner) => {
    const plane = planeOf();
    const model = calling();
    const asked: (string | undefined)[] = [];
    const modelProvider = { getModel: (name?: string) => (asked.push(name), model) };
    const agent = new Agent({
      name: "writer",
      ...(kind === "own" && { model }),
      ...(kind === "named" && { model: "gpt-named" }),
    });
    const own = new GovernedRunner({ modelProvider, ...(ofRunner !== undefined && { model: ofRunner }) });
    const result = await own.run(govern(plane, IDENTITY, agent), "go");
    expect(result.finalOutput).toBe("done");
    expect(asked).toStrictEqual(kind === "own" ? [] : [kind === "named" ? "gpt-named" : "runner"]);
    expect(model.calls).toHaveLength(1);
    await plane.close();
  });

  test.each([false, true])("a blocked one ends the run with our own error (stream: %s)", async (stream) => {
    const [selector, where] = [{ hookpoints: ["before_model_call"] }, { agent: "writer" }];
    const plane = planeOf({ policies: [{ id: "no", selector, blocking: [rule.condition({ where })] }] });
    const model = calling();
    const agent = govern(plane, IDENTITY, new Agent({ name: "writer", model }));
    const running = async (): Promise<void> => {
      if (!stream) return void (await runner.run(agent, "go"));
      const result = await runner.run(agent, "go", { stream: true });
      await result.completed;
    };
    await expect(running()).rejects.toBeInstanceOf(PolicyBlocked);
    expect(model.calls).toHaveLength(0);
    await plane.close();
  });

  test("are offered no hosted tool, remote server or handoff that is forbidden", async () => {
    const policies = [
      { id: "tools", blocking: [rule.denylist({ tools: ["web_search", "mcp", "hosted_mcp"] })] },
      {
        id: "handoffs",
        selector: { hookpoints: ["before_handoff"] },
        blocking: [rule.condition({ where: { target: "billing" } })],
      },
    ];
    const plane = planeOf({ policies });
    const model = calling();
    const billing = new Agent({ name: "billing", model });
    const sales = new Agent({ name: "sales", model });
    const agent = new Agent({
      name: "writer",
      model,
      tools: [
        webSearchTool(),
        hostedMcpTool({ serverLabel: "shop", serverUrl: "http://localhost" }),
        refundTool([]),
      ],
      handoffs: [billing, sales],
    });
    await runner.run(govern(plane, IDENTITY, agent), "go");
    const [call] = model.calls;
    const { tools, handoffs } = call!.request;
    expect(tools.map(({ name }) => name)).toStrictEqual(["refund"]);
    expect(handoffs.map(({ toolName }) => toolName)).toStrictEqual(["transfer_to_sales"]);
    await plane.close();
  });
});

describe("agents that an agent reaches", () => {
  test("handoffs go round in a circle, and each agent goes by its own name", async () => {
    const plane = planeOf();
    const seen: unknown[] = [];
    const model = calling(["transfer_to_billing", {}], ["refund", {}]);
    const triage: Agent = new Agent({ name: "triage", model });
    const billing: Agent = new Agent({
      name: "billing",
      model,
      tools: [refundTool(seen)],
      handoffs: [triage],
    });
    triage.handoffs = [billing];
    await plane.controls.unplug({ kind: "agent", id: "triage" }, STOP);
    await plane.controls.plug({ kind: "agent", id: "triage" }, STOP);
    const result = await runner.run(govern(plane, IDENTITY, triage), "go");
    expect(result.lastAgent?.name).toBe("billing");
    expect(isGoverned(result.lastAgent!)).toBe(true);
    expect(seen).toHaveLength(1);
    await plane.close();
  });

  test("a forbidden handoff that the model makes all the same ends the run", async () => {
    const policies = [
      {
        id: "h",
        selector: { hookpoints: ["before_handoff"] },
        blocking: [rule.condition({ where: { target: "billing" } })],
      },
    ];
    const plane = planeOf({ policies });
    const model = calling(["transfer_to_billing", {}]);
    const triage = new Agent({ name: "triage", model, handoffs: [new Agent({ name: "billing", model })] });
    await expect(runner.run(govern(plane, IDENTITY, triage), "go")).rejects.toBeInstanceOf(PolicyBlocked);
    expect(model.calls).toHaveLength(1);
    await plane.close();
  });

  test("an ungoverned agent inside a tool is refused, a governed one is not", () => {
    const plane = planeOf();
    const inner = new Agent({ name: "inner", model: calling() });
    const options = { toolName: "ask_inner", toolDescription: "x" };
    expect(() => govern(plane, IDENTITY, new Agent({ name: "o", tools: [inner.asTool(options)] }))).toThrow(
      /ask_inner[\s\S]*not governed/,
    );
    const governed = govern(plane, IDENTITY, inner).asTool(options);
    expect(isGoverned(govern(plane, IDENTITY, new Agent({ name: "o", tools: [governed] })))).toBe(true);
  });

  test("the governed runner refuses an agent that is not, a clone of one that is, and a state that goes on with another", async () => {
    const plane = planeOf({ policies: [ASK] });
    const bare = new Agent({ name: "writer", model: calling(["refund", {}]), tools: [refundTool([])] });
    const governed = govern(plane, IDENTITY, bare);
    await expect(runner.run(bare, "go")).rejects.toThrow(/not governed/);
    await expect(runner.run(governed.clone({}), "go")).rejects.toThrow(/clone\(\)/);
    expect([governed, governed.clone({}), bare].map(isGoverned)).toStrictEqual([true, false, false]);
    const paused = await runner.run(governed, "go");
    const stolen = await RunState.fromString(bare, paused.state.toString());
    await expect(runner.run(governed, stolen as never)).rejects.toThrow(/not governed/);
    await plane.close();
  });

  test.each([false, true])("a governed agent runs with no other runner (stream: %s)", async (stream) => {
    const plane = planeOf();
    const [seen, model] = [[] as unknown[], calling(["refund", {}])];
    const agent = govern(plane, IDENTITY, new Agent({ name: "writer", model, tools: [refundTool(seen)] }));
    await expect(run(agent, "go")).rejects.toThrow(/GovernedRunner/);
    const other = async (): Promise<void> => {
      if (!stream) return void (await new Runner().run(agent, "go"));
      await (
        await new Runner().run(agent, "go", { stream: true })
      ).completed;
    };
    await expect(other()).rejects.toThrow(/GovernedRunner/);
    expect(model.calls).toHaveLength(0);
    expect(seen).toHaveLength(0);
    await plane.close();
  });

  test("listeners of the agent hear of its runs", async () => {
    const plane = planeOf();
    const agent = new Agent({ name: "writer", model: calling() });
    const heard: string[] = [];
    agent.on("agent_start", () => heard.push("start"));
    agent.on("agent_end", () => heard.push("end"));
    await runner.run(govern(plane, IDENTITY, agent), "go");
    expect(heard).toStrictEqual(["start", "end"]);
    await plane.close();
  });
});
