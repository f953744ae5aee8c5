import { rule, type Policy } from "@agentplane/core";
import { ToolMessage, type BaseMessage } from "@langchain/core/messages";
import { interrupt, type StateSnapshot } from "@langchain/langgraph";
import { createAgent, tool } from "langchain";
import { describe, expect, it } from "vitest";
import * as z from "zod";

import { govern } from "../src/index.ts";
import { countingTool, governedAgent, planeOf } from "./governed-agent.ts";
import { ScriptedChatModel } from "./scripted-chat-model.ts";

const call = (name: string, args: object = {}) => ({ calls: [{ name, args }] });

describe("an interrupt inside a tool", () => {
  it("is not swallowed, and its resumed call counts once", async () => {
    let runs = 0;
    const confirm = tool(
      () => {
        const answer: unknown = interrupt({ ask: "really?" });
        runs += 1;
        return `answer: ${String(answer)}`;
      },
      { name: "confirm", description: "Asks.", schema: z.object({}) },
    );
    const policy: Policy = {
      id: "once",
      blocking: [rule.rate({ limit: 1, window: "1h" })],
      selector: { tools: ["confirm"] },
    };
    const { run, resume } = governedAgent({
      plane: planeOf([policy]),
      model: new ScriptedChatModel(call("confirm")),
      tools: [confirm],
      hasCheckpointer: true,
    });
    expect((await run()).waiting).toEqual([{ ask: "really?" }]);
    const { toolMessages } = await resume("yes");
    expect(toolMessages[0]?.text).toBe("answer: yes");
    expect(runs).toBe(1);
  });
});

describe("the id of a call", () => {
  it("may repeat in another run without a thread: that is another call", async () => {
    const read = countingTool("read");
    for (const name of ["first run", "second run"]) {
      const model = new ScriptedChatModel({ calls: [{ id: "same", name: "read" }] });
      const agent = createAgent(govern(plane, { agent: "a" }, { model, tools: [read.tool] }));
      // oxlint-disable-next-line no-await-in-loop -- one run after the other
      await agent.invoke({ messages: [{ role: "user", content: name }] });
    }
    expect(read.runs).toHaveLength(2);
  });

  const again = { calls: [{ id: "same", name: "read" }] };

  it("may repeat in a later turn of a thread: that is another call", async () => {
    const read = countingTool("read");
    const { run } = governedAgent({
      plane: planeOf(),
      model: new ScriptedChatModel(again, again),
      tools: [read.tool],
    });
    const { toolMessages } = await run();
    expect(read.runs).toHaveLength(2);
    expect(toolMessages.map(({ status }) => status)).not.toContain("error");
  });

  it("does not run twice within a turn of a thread, also where the turn is played again", async () => {
    const read = countingTool("read");
    const model = new ScriptedChatModel(again);
    const made = governedAgent({ plane: planeOf(), model, tools: [read.tool], hasCheckpointer: true });
    await made.run();
    const agent = made.agent as unknown as {
      invoke(input: null, config: object): Promise<{ readonly messages: readonly BaseMessage[] }>;
      getStateHistory(config: object): AsyncIterable<StateSnapshot>;
    };
    let before: StateSnapshot | undefined;
    for await (const state of agent.getStateHistory({ configurable: { thread_id: "t1" } }))
      if (state.next.includes("tools")) before = state;
    const { messages } = await agent.invoke(null, before?.config ?? {});
    expect(read.runs).toHaveLength(1);
    expect(messages.find((one) => ToolMessage.isInstance(one))?.text).toMatch(/already executed/);
  });

  const plane = planeOf();
});

describe("parallel calls", () => {
  it("are admitted up to the limit: exactly two of five run", async () => {
    const read = countingTool("read");
    const policy: Policy = {
      id: "two",
      selector: { tools: ["read"] },
      blocking: [rule.rate({ limit: 2, window: "1h" })],
    };
    const model = new ScriptedChatModel({
      calls: [1, 2, 3, 4, 5].map((at) => ({ name: "read", args: { at } })),
    });
    const { run } = governedAgent({ plane: planeOf([policy]), model, tools: [read.tool] });
    const { toolMessages } = await run();
    expect(read.runs).toHaveLength(2);
    expect(toolMessages.filter(({ status }) => status === "error")).toHaveLength(3);
  });
});
