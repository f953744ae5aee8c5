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
    const model = calling(["refund", {}]);
    const agent = govern(plane, IDENTITY, new Agent({ name: "writer", model, tools: [refundTool([])] }));
    const paused = await runner.run(agent, "go");
    expect(runs).toStrictEqual(ONCE);
    paused.state.approve(paused.interruptions[0]!);
    await runner.run(agent, paused.state);
    expect(runs).toStrictEqual([...ONCE, ...ONCE]);
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
