/* oxlint-disable unicorn/no-thenable -- `then` is a word of the policy language: a text, never a function */
import { rule, type Policy } from "@agentplane/core";
import { AIMessage, HumanMessage, ToolMessage } from "@langchain/core/messages";
import { describe, expect, it } from "vitest";

import { withAnsweredCalls } from "../src/answered-calls.ts";
import { countingTool, planeOf } from "./governed-agent.ts";
import { governedGraph } from "./langgraph/governed-graph.ts";
import { ScriptedChatModel } from "./scripted-chat-model.ts";

const ASK: Policy = { id: "ask", blocking: [rule.condition({ where: { tool: "pay" }, then: "escalate" })] };

const calling = (...ids: readonly string[]) =>
  new AIMessage({ content: "", tool_calls: ids.map((id) => ({ id, name: "pay", args: {} })) });
const result = (id: string) => new ToolMessage({ content: "ok", tool_call_id: id });

describe("a guarded model in a graph whose approval was given up for a new message", () => {
  it("is told of the call that waited that it did not run", async () => {
    const pay = countingTool("pay");
    const model = new ScriptedChatModel({
      calls: [
        { id: "c1", name: "pay" },
        { id: "c2", name: "pay" },
      ],
    });
    const { run } = governedGraph({
      plane: planeOf([ASK], { approvals: { resolver: "external" } }),
      model,
      tools: [pay.tool],
    });
    expect((await run()).waiting.flat()).toHaveLength(2);
    const { text, toolMessages } = await run();
    expect(text).toBe("done");
    expect(pay.runs).toEqual([]);
    const answers = model.prompts[1]?.filter((one) => ToolMessage.isInstance(one)) ?? [];
    expect(answers.map(({ tool_call_id: id, status }) => [id, status])).toEqual([
      ["c1", "error"],
      ["c2", "error"],
    ]);
    expect(model.prompts[1]?.map(({ type }) => type)).toEqual(["human", "ai", "tool", "tool", "human"]);
    // The history is the application's.
    expect(toolMessages).toEqual([]);
  });
});

describe("answers for calls without one", () => {
  it("are added to a turn that has none, also where a result belongs to no call", () => {
    const history = [result("c0"), new HumanMessage("a"), calling("c1", "c2"), new HumanMessage("b")];
    const complete = withAnsweredCalls(history);
    expect(complete.map((one) => (ToolMessage.isInstance(one) ? one.tool_call_id : one.type))).toEqual([
      "c0",
      "human",
      "ai",
      "c1",
      "c2",
      "human",
    ]);
  });

  it("say of a call beside others no more than is known", () => {
    const [, one] = withAnsweredCalls([calling("c1")]);
    const [, of, two] = withAnsweredCalls([calling("c1", "c2")]);
    expect(one?.text).toMatch(/^This call did not run/);
    expect([of?.text, two?.text]).toEqual(Array(2).fill(expect.stringContaining("others may have")));
  });

  it.each([
    ["nothing is missing", [new HumanMessage("a"), calling("c1"), result("c1")]],
    ["LangChain itself answers one of two", [calling("c1", "c2"), result("c1"), new HumanMessage("b")]],
  ])("are not added where %s", (_, history) => {
    expect(withAnsweredCalls(history)).toBe(history);
  });
});
