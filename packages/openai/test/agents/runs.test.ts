import { blockIf, PolicyBlocked, rule, type PlaneOptions } from "@agentplane/core";
import { Agent } from "@openai/agents";
import { assistantMessage, ScriptedModel } from "@openai/agents-core/testing";
import { describe, expect, test } from "vitest";

import { govern } from "../../src/agents.ts";
import { answer, ASK, calling, IDENTITY, planeOf, refundTool, runner, STOP } from "./agent-script.ts";

/** A plane that notes the beginnings and ends of runs, and who the calls between them belong to. */
function noting(options: PlaneOptions = {}) {
  const plane = planeOf(options);
  const runs: string[] = [];
  const nested: string[] = [];
  plane.hooks.on("before_agent", ({ agent }) => void runs.push(`before ${agent.id}`));
  plane.hooks.on("after_agent", ({ agent }) => void runs.push(`after ${agent.id}`));
  plane.hooks.on("before_model_call", ({ agent }) => void nested.push(...agent.ancestors));
  return { plane, runs, nested };
}

const ONCE = ["before writer", "after writer"];

function at(hookpoint: "before_agent" | "after_agent", content: object) {
  return [{ id: "run", selector: { hookpoints: [hookpoint] }, blocking: [rule.condition(content)] }];
}

describe("a run of the governed runner", () => {
  test.each([false, true])("is told once at its beginning and its end (stream: %s)", async (stream) => {
    const { plane, runs, nested } = noting();
    const model = calling(["transfer_to_billing", {}], ["refund", {}]);
    const billing = new Agent({ name: "billing", model, tools: [refundTool([])] });
    const agent = govern(plane, IDENTITY, new Agent({ name: "writer", model, handoffs: [billing] }));
    if (stream) await (await runner.run(agent, "go", { stream: true })).completed;
    else await runner.run(agent, "go");
    expect(runs).toStrictEqual(ONCE);
    expect(nested).toStrictEqual([]);
    await plane.close();
  });

  test("is told also when it waits for a human, and when it goes on", async () => {
    const { plane, runs } = noting({ policies: [ASK] });
    const given: unknown[] = [];
    plane.hooks.on("after_agent", ({ result }) => void given.push(result));
    const model = calling(["refund", {}]);
    const agent = govern(plane, IDENTITY, new Agent({ name: "writer", model, tools: [refundTool([])] }));
    const paused = await runner.run(agent, "go");
    expect(runs).toStrictEqual(ONCE);
    paused.state.approve(paused.interruptions[0]!);
    await runner.run(agent, paused.state);
    expect(runs).toStrictEqual([...ONCE, ...ONCE]);
    expect(given).toStrictEqual([null, "done"]);
    await plane.close();
  });

  test.each([false, true])("is told also when it fails, with its own error (stream: %s)", async (stream) => {
    const { plane, runs } = noting();
    const agent = govern(plane, IDENTITY, new Agent({ name: "writer", model: new ScriptedModel([]) }));
    const running = async (): Promise<void> => {
      if (!stream) return void (await runner.run(agent, "go"));
      await (
        await runner.run(agent, "go", { stream: true })
      ).completed;
    };
    await expect(running()).rejects.toThrow(/ScriptedModel received unexpected/);
    expect(runs).toStrictEqual(ONCE);
    await plane.close();
  });

  test.each([false, true])("does not begin where a policy forbids it (stream: %s)", async (stream) => {
    const plane = planeOf({ policies: at("before_agent", { where: { agent: "writer" } }) });
    const model = calling();
    const agent = govern(plane, IDENTITY, new Agent({ name: "writer", model }));
    const running = stream ? runner.run(agent, "go", { stream }) : runner.run(agent, "go");
    await expect(running).rejects.toBeInstanceOf(PolicyBlocked);
    expect(model.calls).toHaveLength(0);
    await plane.close();
  });

  test("of a saved state does not go on with an agent that was stopped since", async () => {
    const plane = planeOf({ policies: [ASK] });
    const model = calling(["transfer_to_billing", {}], ["refund", {}]);
    const billing = new Agent({ name: "billing", model, tools: [refundTool([])] });
    const agent = govern(plane, IDENTITY, new Agent({ name: "writer", model, handoffs: [billing] }));
    const paused = await runner.run(agent, "go");
    await plane.controls.unplug({ kind: "agent", id: "billing" }, STOP);
    await expect(runner.run(agent, paused.state)).rejects.toBeInstanceOf(PolicyBlocked);
    await plane.close();
  });

  test("has its input redacted where a policy says so, before any model sees it", async () => {
    const redact = rule.redact({ detect: ["email"], from: ["input", "prompt"] });
    const policies = [{ id: "r", selector: { hookpoints: ["before_agent" as const] }, blocking: [redact] }];
    const plane = planeOf({ policies });
    const model = calling();
    await runner.run(govern(plane, IDENTITY, new Agent({ name: "writer", model })), "I am ann@acme.com");
    expect(JSON.stringify(model.calls[0]?.request.input)).toContain("I am ");
    expect(JSON.stringify(model.calls)).not.toContain("ann@acme.com");
    await plane.close();
  });

  test("has its result withheld where a policy stops it at the end", async () => {
    const plane = planeOf();
    const model = calling();
    const agent = govern(plane, IDENTITY, new Agent({ name: "writer", model }));
    plane.hooks.on(
      "after_agent",
      blockIf(() => true, "not this one"),
    );
    await expect(runner.run(agent, "go")).rejects.toBeInstanceOf(PolicyBlocked);
    const streamed = await runner.run(
      govern(plane, IDENTITY, new Agent({ name: "writer", model: calling() })),
      "go",
      { stream: true },
    );
    await expect(streamed.completed).rejects.toBeInstanceOf(PolicyBlocked);
    await plane.close();
  });

  test("is withheld where only its end would be redacted: its items say it again", async () => {
    const redact = rule.redact({ detect: ["email"], from: ["result", "response"] });
    const policies = [
      {
        id: "r",
        selector: { hookpoints: ["before_agent" as const, "after_agent" as const] },
        blocking: [redact],
      },
    ];
    const plane = planeOf({ policies });

    const model = new ScriptedModel([answer({ output: [assistantMessage("ask ann@acme.com")] })]);
    const agent = govern(plane, IDENTITY, new Agent({ name: "writer", model }));
    await expect(runner.run(agent, "go")).rejects.toThrow(/cannot be rewritten/);
    await plane.close();
  });
});

describe("a run of an agent inside a tool", () => {
  const options = { toolName: "ask_inner", toolDescription: "Asks." };
  const TWICE = ["before writer", "before inner", "after inner", "after writer"];

  function nestedIn(plane: ReturnType<typeof planeOf>, inner: Agent) {
    const model = calling(["ask_inner", { input: "I am ann@acme.com" }]);
    const tools = [govern(plane, IDENTITY, inner).asTool(options)];
    return { model, agent: govern(plane, IDENTITY, new Agent({ name: "writer", model, tools })) };
  }

  test.each([false, true])("is told at its beginning and its end (stream: %s)", async (stream) => {
    const { plane, runs, nested } = noting();
    const { agent } = nestedIn(plane, new Agent({ name: "inner", model: calling() }));
    if (stream) await (await runner.run(agent, "go", { stream: true })).completed;
    else await runner.run(agent, "go");
    expect(runs).toStrictEqual(TWICE);
    expect(nested).toStrictEqual(["writer"]);
    await plane.close();
  });

  test("is told also when it fails, and when another agent goes on with it", async () => {
    const { plane, runs } = noting();
    const { agent } = nestedIn(plane, new Agent({ name: "inner", model: new ScriptedModel([]) }));
    const result = await runner.run(agent, "go");
    expect(JSON.stringify(result.history)).toContain("An error occurred");
    expect(runs).toStrictEqual(TWICE);
    runs.length = 0;
    const model = calling(["transfer_to_billing", {}]);
    const handoffs = [new Agent({ name: "billing", model })];
    const other = nestedIn(plane, new Agent({ name: "inner", model, handoffs }));
    expect((await runner.run(other.agent, "go")).finalOutput).toBe("done");
    expect(runs).toStrictEqual(TWICE);
    await plane.close();
  });

  test("is told when it waits for a human, and when it goes on", async () => {
    const { plane, runs } = noting({ policies: [ASK] });
    const seen: unknown[] = [];
    const inner = new Agent({ name: "inner", model: calling(["refund", {}]), tools: [refundTool(seen)] });
    const { agent } = nestedIn(plane, inner);
    const paused = await runner.run(agent, "go");
    expect(paused.interruptions).toHaveLength(1);
    expect(runs).toStrictEqual(TWICE);
    paused.state.approve(paused.interruptions[0]!);
    expect((await runner.run(agent, paused.state)).finalOutput).toBe("done");
    expect(runs).toStrictEqual([...TWICE, ...TWICE]);
    expect(seen).toHaveLength(1);
    await plane.close();
  });

  test("does not begin where a policy forbids it, and the model that called it reads why", async () => {
    const plane = planeOf({ policies: at("before_agent", { where: { agent: "inner" } }) });
    const model = calling();
    const { agent } = nestedIn(plane, new Agent({ name: "inner", model }));
    const result = await runner.run(agent, "go");
    expect(model.calls).toHaveLength(0);
    expect(JSON.stringify(result.history)).toContain("Error: ");
    await plane.close();
  });

  test("has its input and what it gave redacted where a policy says so", async () => {
    const redact = rule.redact({ detect: ["email"], from: ["input", "prompt", "result", "response"] });
    const hookpoints = ["before_agent" as const, "after_agent" as const];
    const policies = [{ id: "r", selector: { hookpoints, agents: ["inner"] }, blocking: [redact] }];
    const plane = planeOf({ policies });
    const model = new ScriptedModel([answer({ output: [assistantMessage("ask bob@acme.com")] })]);
    const nested = nestedIn(plane, new Agent({ name: "inner", model }));
    await runner.run(nested.agent, "go");
    expect(JSON.stringify(model.calls)).toContain("I am ");
    expect(JSON.stringify(model.calls)).not.toContain("ann@acme.com");
    const told = JSON.stringify(nested.model.calls[1]?.request.input);
    expect(told).toContain("ask ");
    expect(told).not.toContain("bob@acme.com");
    await plane.close();
  });

  test("has its result withheld where a policy stops it at the end", async () => {
    const plane = planeOf();
    plane.hooks.on(
      "after_agent",
      blockIf(({ agent }) => agent.id === "inner", "not this one"),
    );
    const { agent, model } = nestedIn(plane, new Agent({ name: "inner", model: calling() }));
    await runner.run(agent, "go");
    const [output] = JSON.stringify(model.calls[1]?.request.input).match(/"text":"Error: [^"]*"/) ?? [];
    expect(output).toContain("withheld");
    await plane.close();
  });
});
