/* oxlint-disable unicorn/no-thenable -- `then` is a word of the policy language: a text, never a function */
import { rule, type Policy } from "@agentplane/core";
import { interrupt, MemorySaver } from "@langchain/langgraph";
import { describe, expect, it } from "vitest";

import { guardTool } from "../../src/langgraph.ts";
import { countingTool, planeOf } from "../governed-agent.ts";
import { ScriptedChatModel } from "../scripted-chat-model.ts";
import { governedGraph } from "./governed-graph.ts";

const ASK: Policy = {
  id: "ask",
  blocking: [rule.condition({ where: { tool: "pay" }, then: "escalate", reason: "paying needs a person" })],
};
const external = { approvals: { resolver: "external" } } as const;

type Call = readonly [name: string, args?: object];

const turn = (...calls: readonly Call[]): ScriptedChatModel =>
  new ScriptedChatModel(
    { calls: calls.map(([name, args = {}], at) => ({ id: `c${at + 1}`, name, args: { ...args } })) },
    { text: "done" },
  );

const approve = (id: string | undefined) => ({ approvalId: id, decision: "approve", by: "mira" });

describe("a guarded tool node", () => {
  it("asks once for all calls of a turn, runs nothing before, and each call once after", async () => {
    const [pay, read] = [countingTool("pay"), countingTool("read")];
    const { run, resume, decisions } = governedGraph({
      plane: planeOf([ASK], external),
      model: turn(["pay", { amount: 5 }], ["read"], ["pay", { amount: 7 }]),
      tools: [pay.tool, read.tool],
    });
    const { waiting } = await run();
    expect(waiting.map((requests) => requests.map(({ toolCallId }) => toolCallId))).toEqual([["c1", "c3"]]);
    expect([...pay.runs, ...read.runs]).toEqual([]);
    const ids = waiting.flat().map(({ approvalId }) => approvalId);
    const { toolMessages, text } = await resume(ids.map(approve));
    expect(pay.runs).toEqual([{ amount: 5 }, { amount: 7 }]);
    expect(read.runs).toHaveLength(1);
    expect(toolMessages.map(({ tool_call_id: id, status }) => [id, status])).toEqual([
      ["c1", "success"],
      ["c2", "success"],
      ["c3", "success"],
    ]);
    expect(text).toBe("done");
    expect(decisions.filter(({ tool }) => tool === "read")).toHaveLength(1);
  });

  it("waits for every answer, and runs each call once over all of them", async () => {
    const [pay, read] = [countingTool("pay"), countingTool("read")];
    const { run, resume } = governedGraph({
      plane: planeOf([ASK], external),
      model: turn(["pay", { amount: 5 }], ["read"], ["pay", { amount: 7 }]),
      tools: [pay.tool, read.tool],
    });
    const [first, second] = (await run()).waiting.flat();
    const after = await resume(approve(first?.approvalId));
    expect([...pay.runs, ...read.runs]).toEqual([]);
    expect(after.waiting.flat().map(({ approvalId }) => approvalId)).toEqual([second?.approvalId]);
    const end = await resume({ approvalId: second?.approvalId, decision: "deny", by: "mira" });
    expect(pay.runs).toEqual([{ amount: 5 }]);
    expect(read.runs).toHaveLength(1);
    expect(end.toolMessages.map(({ status }) => status)).toEqual(["success", "success", "error"]);
  });

  it.each([
    ["approved first", "approve", "deny", ["success", "success", "error"]],
    ["denied first", "deny", "approve", ["error", "success", "success"]],
  ] as const)(
    "gives every result once, where a process ends between two answers: one %s",
    async (_, one, other, statuses) => {
      const [plane, checkpointer] = [planeOf([ASK], external), new MemorySaver()];
      const [pay, read] = [countingTool("pay"), countingTool("read")];
      const tools = [pay.tool, read.tool];
      const calls = turn(["pay", { amount: 5 }], ["read"], ["pay", { amount: 7 }]);
      // Each graph has a node of its own, which remembers nothing of the others.
      const graphOf = (model: ScriptedChatModel) => governedGraph({ plane, model, tools, checkpointer });
      const [first, second] = (await graphOf(calls).run()).waiting.flat();
      await graphOf(calls).resume({ ...approve(first?.approvalId), decision: one });
      const answer = { ...approve(second?.approvalId), decision: other };
      const { toolMessages, text } = await graphOf(calls).resume(answer);
      expect(toolMessages.map(({ status }) => status)).toEqual(statuses);
      expect(pay.runs).toEqual([{ amount: one === "approve" ? 5 : 7 }]);
      expect(read.runs).toHaveLength(1);
      expect(text).toBe("done");
    },
  );

  it.each([{ answer: "approve" }, { answer: { decision: "approve", by: "mira" } }, { answer: [] }])(
    "approves nothing by $answer, which names no approval",
    async ({ answer }) => {
      const pay = countingTool("pay");
      const { run, resume } = governedGraph({
        plane: planeOf([ASK], external),
        model: turn(["pay"], ["pay", { amount: 1 }]),
        tools: [pay.tool],
      });
      await run();
      const { toolMessages } = await resume(answer);
      expect(pay.runs).toEqual([]);
      for (const { text } of toolMessages) expect(text).toMatch(/Not approved: an answer must be/);
    },
  );

  it("does not let the user approve what is done on their behalf", async () => {
    const pay = countingTool("pay");
    const { run, resume } = governedGraph({
      plane: planeOf([ASK], external),
      model: turn(["pay"]),
      tools: [pay.tool],
      identity: { agent: "a", user: "mira" },
    });
    const [request] = (await run()).waiting.flat();
    const { toolMessages } = await resume(approve(request?.approvalId));
    expect(pay.runs).toEqual([]);
    expect(toolMessages[0]?.text).toMatch(/^Not approved: .*who requested it/);
  });

  it("runs nothing of a turn when the agent was unplugged while it waited", async () => {
    const [pay, read] = [countingTool("pay"), countingTool("read")];
    const plane = planeOf([ASK], external);
    const { run, resume } = governedGraph({
      plane,
      model: turn(["pay"], ["read"]),
      tools: [pay.tool, read.tool],
    });
    const [request] = (await run()).waiting.flat();
    await plane.controls.unplug({ kind: "agent", id: "a" }, { reason: "stop", by: "mira" });
    const { toolMessages } = await resume(approve(request?.approvalId));
    expect([...pay.runs, ...read.runs]).toEqual([]);
    expect(toolMessages.map(({ status }) => status)).toEqual(["error", "error"]);
  });

  it("refuses with clear words where there is no checkpointer, and runs the rest", async () => {
    const [pay, read] = [countingTool("pay"), countingTool("read")];
    const { run } = governedGraph({
      plane: planeOf([ASK], external),
      model: turn(["pay"], ["read"]),
      tools: [pay.tool, read.tool],
      hasCheckpointer: false,
    });
    const { toolMessages } = await run();
    expect(toolMessages[0]?.text).toMatch(/no checkpointer/);
    expect([pay.runs.length, read.runs.length]).toEqual([0, 1]);
  });

  it("leaves an interrupt from inside a tool alone, and runs the others once", async () => {
    const read = countingTool("read");
    const ask = countingTool("ask", () => String(interrupt("which one?")));
    const { run, resume } = governedGraph({
      plane: planeOf([{ id: "once", blocking: [rule.idempotency({ window: "10m" })] }]),
      model: turn(["ask"], ["read"]),
      tools: [ask.tool, read.tool],
    });
    await run();
    const { toolMessages } = await resume("the blue one");
    expect(toolMessages.map(({ text }) => text)).toEqual(["the blue one", "ok"]);
    expect(read.runs).toHaveLength(1);
  });

  it("gives a tool the answer to its own question, also after approvals", async () => {
    const pay = countingTool("pay");
    const ask = countingTool("ask", () => String(interrupt("which one?")));
    const { run, resume } = governedGraph({
      plane: planeOf([ASK], external),
      model: turn(["pay"], ["ask"]),
      tools: [pay.tool, ask.tool],
    });
    const approvalId = (await run()).waiting[0]?.[0]?.approvalId;
    await resume([approve(approvalId)]);
    const { toolMessages } = await resume("the blue one");
    expect(toolMessages.map(({ text }) => text)).toEqual(["ok", "the blue one"]);
    expect(pay.runs).toHaveLength(1);
  });

  it("lets exactly as many calls of a turn run as a limit has left, the first ones", async () => {
    const read = countingTool("read");
    const policy: Policy = { id: "r", blocking: [rule.rate({ limit: 2, window: "1h", per: "agent" })] };
    const toolsOnly: Policy = { ...policy, selector: { tools: ["read"] } };
    const { run } = governedGraph({
      plane: planeOf([toolsOnly]),
      model: turn(...[1, 2, 3, 4, 5].map((id): Call => ["read", { id }])),
      tools: [read.tool],
    });
    const { toolMessages } = await run();
    expect(read.runs).toEqual([{ id: 1 }, { id: 2 }]);
    expect(toolMessages.map(({ status }) => status)).toEqual([
      "success",
      "success",
      "error",
      "error",
      "error",
    ]);
  });

  it("words the failure of a tool as ToolNode does, and one of a name that nothing has", async () => {
    const fail = countingTool("fail", () => {
      throw new Error("no connection to bob@example.com");
    });
    const policy: Policy = { id: "pii", blocking: [rule.redact({ detect: ["email"] })] };
    const { run, decisions } = governedGraph({
      plane: planeOf([policy]),
      model: turn(["fail"], ["no_such_tool"]),
      tools: [fail.tool],
    });
    const { toolMessages } = await run();
    expect(toolMessages[0]).toMatchObject({ status: "error", name: "fail" });
    expect(toolMessages[0]?.text).toMatch(/^Error: no connection to .*\n Please fix your mistakes\.$/);
    expect(toolMessages[0]?.text).not.toMatch(/bob/);
    expect(toolMessages[1]?.text).toMatch(/Tool "no_such_tool" not found/);
    expect(decisions.map(({ tool }) => tool)).toContain("no_such_tool");
  });

  it("decides a call once when its tool is guarded, too", async () => {
    const read = countingTool("read");
    const plane = planeOf();
    const { run, decisions } = governedGraph({
      plane,
      model: turn(["read"]),
      tools: [guardTool(plane, { agent: "a" }, read.tool)],
    });
    await run();
    expect(read.runs).toHaveLength(1);
    expect(decisions.filter(({ tool }) => tool === "read")).toHaveLength(1);
  });

  it("takes who acts from the context of the run, where the plane trusts it", async () => {
    const tenants: Policy = { id: "t", blocking: [rule.requireTenant({})] };
    const read = countingTool("read");
    const { run, decisions } = governedGraph({
      plane: planeOf([tenants], { identity: { trust: ["framework"] } }),
      model: turn(["read"]),
      tools: [read.tool],
      identity: { agent: "a", fromRun: { tenant: "tenantId" } },
    });
    await run({ context: { tenantId: "acme" } });
    expect(read.runs).toHaveLength(1);
    expect(new Set(decisions.map(({ identity }) => identity.tenant))).toEqual(new Set(["acme"]));
  });
});

describe("a node that calls a guarded model", () => {
  it("pauses for the model's approval and goes on", async () => {
    const policy: Policy = {
      id: "ask-model",
      blocking: [
        rule.condition({ where: { model: "*" }, then: "escalate", reason: "this model needs a person" }),
      ],
    };
    const plane = planeOf([policy], external);
    const model = new ScriptedChatModel({ text: "hello" });
    const { run, resume } = governedGraph({ plane, model });
    await run();
    expect(model.prompts).toHaveLength(0);
    const [waiting] = await plane.approvals.list({ status: "pending" });
    const { text } = await resume(approve(waiting?.id));
    expect(text).toBe("hello");
    expect(model.prompts).toHaveLength(1);
  });
});
