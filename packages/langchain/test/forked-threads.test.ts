import { rule, type Policy } from "@agentplane/core";
import { AIMessage } from "@langchain/core/messages";
import { Command, type StateSnapshot } from "@langchain/langgraph";
import { beforeEach, describe, expect, it } from "vitest";

import { countingTool, governedAgent, planeOf } from "./governed-agent.ts";
import { ScriptedChatModel } from "./scripted-chat-model.ts";

const ASK: Policy = {
  id: "ask",
  blocking: [rule.condition({ where: { tool: "pay" }, then: "escalate" })],
};
const call = { id: "c1", name: "pay", args: { amount: 5 } };

/** What LangGraph's time travel needs of an agent. */
interface Travelled {
  invoke(input: unknown, config: object): Promise<unknown>;
  getStateHistory(config: object): AsyncIterable<StateSnapshot>;
  updateState(config: object, values: object, asNode: string): Promise<object>;
}

describe("a thread that is forked where a call of it had been approved", () => {
  const pay = countingTool("pay");
  let [agent, paused, answer]: [Travelled, StateSnapshot | undefined, Command] = [
    undefined as never,
    undefined,
    new Command({}),
  ];
  beforeEach(async () => {
    pay.runs.length = 0;
    const made = governedAgent({
      plane: planeOf([ASK], { approvals: { resolver: "external" } }),
      model: new ScriptedChatModel({ calls: [call] }),
      tools: [pay.tool],
      hasCheckpointer: true,
    });
    const [waiting] = (await made.run()).waiting;
    const resume = { approvalId: waiting?.approvalId, decision: "approve", by: "mira" };
    await made.resume(resume);
    answer = new Command({ resume });
    agent = made.agent;
    paused = undefined;
    for await (const state of agent.getStateHistory({ configurable: { thread_id: "t1" } }))
      if (state.next.includes("tools")) paused = state;
  });

  it("does not make the call again", async () => {
    expect(paused?.next).toEqual(["tools"]);
    expect(pay.runs).toHaveLength(1);
    for (const input of [null, answer]) {
      // oxlint-disable-next-line no-await-in-loop -- one after the other
      await agent.invoke(input, paused?.config ?? {}).catch(() => undefined);
    }
    expect(pay.runs).toHaveLength(1);
  });

  it.each([
    ["other arguments", { ...call, args: { amount: 900 } }],
    ["another id", { ...call, id: "c2" }],
  ])("does not make a call with %s by the same answer", async (_, edited) => {
    const turn = new AIMessage({ content: "", tool_calls: [edited], id: "msg_1" });
    const fork = await agent.updateState(paused?.config ?? {}, { messages: [turn] }, "model_request");
    for (const input of [answer, null]) {
      // oxlint-disable-next-line no-await-in-loop -- one after the other
      await agent.invoke(input, fork).catch(() => undefined);
    }
    expect(pay.runs).toEqual([{ amount: 5 }]);
  });
});
