/* oxlint-disable unicorn/no-thenable -- `then` is a word of the policy language: a text, never a function */
import { setTimeout } from "node:timers/promises";

import { rule, type Policy } from "@agentplane/core";
import { Command, interrupt, INTERRUPT, isInterrupted, MemorySaver } from "@langchain/langgraph";
import { createAgent, createMiddleware, type AnyAgentMiddleware } from "langchain";
import { describe, expect, it } from "vitest";

import { govern, type ApprovalRequest } from "../src/index.ts";
import { countingTool, planeOf } from "./governed-agent.ts";
import { ScriptedChatModel } from "./scripted-chat-model.ts";

const ASK: Policy = {
  id: "ask",
  blocking: [rule.condition({ where: { tool: "pay*" }, then: "escalate", reason: "paying needs a person" })],
};
const passing = createMiddleware({ name: "passing", wrapToolCall: (request, handler) => handler(request) });
const config = { configurable: { thread_id: "t" } };
type Counting = ReturnType<typeof countingTool>;

/** An agent all of whose calls of a turn run in one node, and which a human answers until it has nothing to ask. */
function agentOf(tools: readonly Counting[], middleware: readonly AnyAgentMiddleware[] = []) {
  const plane = planeOf([ASK], { approvals: { resolver: "external" } });
  const calls = tools.map(({ tool: { name } }) => ({ id: `call of ${name}`, name }));
  const params = {
    model: new ScriptedChatModel({ calls }, { text: "done" }),
    tools: tools.map(({ tool }) => tool),
    middleware: [...middleware],
    checkpointer: new MemorySaver(),
    version: "v1",
  } as const;
  const agent = createAgent(govern(plane, { agent: "a" }, params));
  const answer = (request: ApprovalRequest | undefined, decision = "approve"): unknown =>
    request?.approvalId === undefined
      ? "an answer"
      : { approvalId: request.approvalId, decision, by: "mira" };
  return {
    plane,
    async run(decision?: string) {
      let state: object = await agent.invoke({ messages: [{ role: "user", content: "go" }] }, config);
      let pauses = 0;
      for (; isInterrupted<ApprovalRequest>(state) && pauses < 10; pauses++) {
        const resume = answer(state[INTERRUPT][0]?.value, decision);
        // oxlint-disable-next-line no-await-in-loop -- one question after the other
        state = await agent.invoke(new Command({ resume }), config);
      }
      const { messages } = state as { readonly messages: readonly { readonly text: string }[] };
      return { pauses, texts: messages.slice(2).map(({ text }) => text) };
    },
  };
}

const giving = (name: string, work: () => unknown = () => `${name} gave this`): Counting =>
  countingTool(name, work);
const times = (tools: readonly Counting[]): readonly number[] => tools.map(({ runs }) => runs.length);

describe("a turn whose calls all run in one node, where several need a human", () => {
  it.each([
    ["alone", []],
    ["behind other middleware", [passing]],
  ])("gives what each call gave, which ran once, %s", async (_, middleware) => {
    const tools = [giving("look"), giving("pay 1"), giving("pay 2"), giving("pay 3")];
    const { pauses, texts } = await agentOf(tools, middleware).run();
    expect(pauses).toBe(3);
    expect(texts).toEqual([
      "look gave this",
      "pay 1 gave this",
      "pay 2 gave this",
      "pay 3 gave this",
      "done",
    ]);
    expect(times(tools)).toEqual([1, 1, 1, 1]);
  });

  it("gives what a call gave that still ran when its turn paused", async () => {
    const slow = giving("look", async () => {
      await setTimeout(50);
      return "looked at last";
    });
    const { texts } = await agentOf([slow, giving("pay 1"), giving("pay 2")]).run();
    expect(texts).toEqual(["looked at last", "pay 1 gave this", "pay 2 gave this", "done"]);
    expect(slow.runs).toHaveLength(1);
  });

  it("gives the model the words for what a human refuses, and the results of the others", async () => {
    const tools = [giving("look"), giving("pay 1"), giving("pay 2")];
    const { texts } = await agentOf(tools).run("deny");
    expect(texts).toEqual(["look gave this", expect.any(String), expect.any(String), "done"]);
    expect(times(tools)).toEqual([1, 0, 0]);
  });

  it("goes on with nothing once the agent was unplugged while it waited", async () => {
    const tools = [giving("look"), giving("pay 1")];
    const made = agentOf(tools);
    let isUnplugged = false;
    made.plane.on("decision", ({ decision }) => {
      if (decision.effect !== "ask" || isUnplugged) return;
      isUnplugged = true;
      void made.plane.controls.unplug({ kind: "agent", id: "a" }, { by: "olga", reason: "stop" });
    });
    const { texts } = await made.run().catch(() => ({ texts: ["thrown"] }));
    expect(tools[1]?.runs).toEqual([]);
    expect(texts.join(" ")).not.toContain("pay 1 gave this");
  });
});

it("a tool's own question beside other calls leaves what they gave, which ran once", async () => {
  const asking = giving("ask", () => `heard ${String(interrupt("which?"))}`);
  const tools = [giving("look"), asking];
  const { pauses, texts } = await agentOf(tools).run();
  expect(pauses).toBe(1);
  expect(texts).toEqual(["look gave this", "heard an answer", "done"]);
  expect(times(tools)).toEqual([1, 2]);
});

it.each([["look", "pay 1"] as const, ["pay 1", "look"] as const])(
  "an approval beside a question of other middleware counts, whose answer LangGraph gives first: %s, %s",
  async (...names) => {
    const heard: unknown[] = [];
    const sure = createMiddleware({
      name: "sure",
      wrapToolCall(request, handler) {
        if (request.toolCall.name === "look") heard.push(interrupt("sure?"));
        return handler(request);
      },
    });
    const tools = names.map((name) => giving(name));
    const { pauses, texts } = await agentOf(tools, [sure]).run();
    expect([pauses, heard]).toStrictEqual([2, ["an answer"]]);
    expect(texts).toEqual([...names.map((name) => `${name} gave this`), "done"]);
    expect(times(tools)).toEqual([1, 1]);
  },
);
