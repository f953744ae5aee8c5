/* oxlint-disable unicorn/no-thenable -- `then` is a word of the policy language: a text, never a function */
import { rule, type Policy } from "@agentplane/core";
import { describe, expect, it } from "vitest";

import { countingTool, governedAgent, planeOf } from "./governed-agent.ts";
import { ScriptedChatModel } from "./scripted-chat-model.ts";

const ASK: Policy = {
  id: "ask",
  selector: { tools: ["pay"] },
  blocking: [rule.condition({ where: { tool: "pay" }, then: "escalate", reason: "paying needs a person" })],
};

const external = { approvals: { resolver: "external" } } as const;

const pay = (...amounts: number[]): ScriptedChatModel =>
  new ScriptedChatModel(
    { calls: amounts.map((amount) => ({ name: "pay", args: { amount } })) },
    { text: "done" },
  );

describe("a call that needs a human", () => {
  it("pauses the graph with the approval's id and a redacted view, and runs once it is approved", async () => {
    const tool = countingTool("pay");
    const { run, resume } = governedAgent({
      plane: planeOf([ASK], external),
      model: pay(5),
      tools: [tool.tool],
      hasCheckpointer: true,
    });
    const [request] = (await run()).waiting;
    expect(request).toMatchObject({
      kind: "agentplane.approval",
      reason: "paying needs a person",
      toolCallId: "call_1_0",
    });
    expect(tool.runs).toEqual([]);
    const { last } = await resume({ approvalId: request?.approvalId, decision: "approve", by: "mira" });
    expect(tool.runs).toEqual([{ amount: 5 }]);
    expect(last.text).toBe("done");
  });

  it("does not run when it is denied, and the model reads that", async () => {
    const tool = countingTool("pay");
    const { run, resume } = governedAgent({
      plane: planeOf([ASK], external),
      model: pay(5),
      tools: [tool.tool],
      hasCheckpointer: true,
    });
    const [request] = (await run()).waiting;
    const { toolMessages } = await resume({ approvalId: request?.approvalId, decision: "deny", by: "mira" });
    expect(tool.runs).toEqual([]);
    expect(toolMessages[0]).toMatchObject({ status: "error" });
  });

  it("is not approved by an answer that does not name it", async () => {
    const tool = countingTool("pay");
    const { run, resume } = governedAgent({
      plane: planeOf([ASK], external),
      model: pay(5),
      tools: [tool.tool],
      hasCheckpointer: true,
    });
    await run();
    const { toolMessages } = await resume("approve");
    expect(tool.runs).toEqual([]);
    expect(toolMessages[0]?.text).toMatch(/Not approved: an answer must be/);
  });

  it("is not approved by the user on whose behalf the agent asks", async () => {
    const tool = countingTool("pay");
    const { run, resume } = governedAgent({
      plane: planeOf([ASK], external),
      model: pay(5),
      tools: [tool.tool],
      identity: { agent: "a", user: "mira" },
      hasCheckpointer: true,
    });
    const [request] = (await run()).waiting;
    const { toolMessages } = await resume({
      approvalId: request?.approvalId,
      decision: "approve",
      by: "mira",
    });
    expect(tool.runs).toEqual([]);
    expect(toolMessages[0]?.text).toMatch(/^Not approved: .*who requested it/);
  });

  it("is the only one of two that one scalar answer approves; the other keeps waiting", async () => {
    const tool = countingTool("pay");
    const { run, resume } = governedAgent({
      plane: planeOf([ASK], external),
      model: pay(5, 7),
      tools: [tool.tool],
      hasCheckpointer: true,
    });
    const { waiting } = await run();
    expect(waiting).toHaveLength(2);
    const [first, second] = waiting;
    const after = await resume({ approvalId: first?.approvalId, decision: "approve", by: "mira" });
    expect(tool.runs).toEqual([{ amount: 5 }]);
    expect(after.waiting.map(({ approvalId }) => approvalId)).toEqual([second?.approvalId]);
    await resume({ approvalId: second?.approvalId, decision: "approve", by: "mira" });
    expect(tool.runs).toEqual([{ amount: 5 }, { amount: 7 }]);
  });

  it("is blocked with clear words where there is no checkpointer to pause with", async () => {
    const tool = countingTool("pay");
    const { run } = governedAgent({ plane: planeOf([ASK], external), model: pay(5), tools: [tool.tool] });
    const { toolMessages, last } = await run();
    expect(tool.runs).toEqual([]);
    expect(toolMessages[0]?.text).toMatch(/no checkpointer/);
    expect(last.text).toBe("done");
  });

  it("stays blocked when the agent was unplugged while it waited", async () => {
    const tool = countingTool("pay");
    const plane = planeOf([ASK], external);
    const { run, resume } = governedAgent({
      plane,
      model: pay(5),
      tools: [tool.tool],
      hasCheckpointer: true,
    });
    const [request] = (await run()).waiting;
    await plane.controls.unplug({ kind: "agent", id: "a" }, { reason: "stop", by: "mira" });
    const { toolMessages } = await resume({
      approvalId: request?.approvalId,
      decision: "approve",
      by: "mira",
    });
    expect(tool.runs).toEqual([]);
    expect(toolMessages[0]?.status).toBe("error");
  });

  it("pauses a model call in the same way", async () => {
    const policy: Policy = {
      id: "ask-model",
      blocking: [
        rule.condition({ where: { model: "*" }, then: "escalate", reason: "this model needs a person" }),
      ],
    };
    const model = new ScriptedChatModel({ text: "hello" });
    const { run, resume } = governedAgent({
      plane: planeOf([policy], external),
      model,
      hasCheckpointer: true,
    });
    const [request] = (await run()).waiting;
    expect(model.prompts).toHaveLength(0);
    const { last } = await resume({ approvalId: request?.approvalId, decision: "approve", by: "mira" });
    expect(last.text).toBe("hello");
    expect(model.prompts).toHaveLength(1);
  });
});
